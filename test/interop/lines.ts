/**
 * Text cut into lines.
 *
 * @module
 */

/** Turns chunks of text into whole lines without their ends; the last one may lack its end. */
export class TextLineStream extends TransformStream<string, string> {
  /** Starts with nothing. */
  constructor() {
    let rest = "";
    super({
      transform(chunk, controller) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) controller.enqueue(line);
      },
      flush(controller) {
        if (rest !== "") controller.enqueue(rest);
      },
    });
  }
}
