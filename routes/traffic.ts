/**
 * Requests counted by how they were answered.
 *
 * @module
 */

/** The kinds of statuses. */
export const STATUS_CLASSES = ["2xx", "3xx", "4xx", "5xx"] as const;
/** One of {@linkcode STATUS_CLASSES}. */
export type StatusClass = typeof STATUS_CLASSES[number];

/** What one service was asked. */
export class Traffic {
  /** Requests answered, by kind of status. */
  readonly requests: Record<StatusClass, number> = { "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0 };
  /** Requests whose answer has not begun yet. */
  inFlight = 0;

  /** Counts a request, from now until its answer begins. */
  count(answer: () => Response | Promise<Response>): Response | Promise<Response> {
    this.inFlight++;
    let response: Response | Promise<Response>;
    try {
      response = answer();
    } catch (error) {
      this.#failed();
      throw error;
    }
    return response instanceof Promise
      ? response.then((settled) => this.#answered(settled), (error) => {
        this.#failed();
        throw error;
      })
      : this.#answered(response);
  }

  #answered(response: Response): Response {
    this.inFlight--;
    const kind = STATUS_CLASSES[Math.floor(response.status / 100) - 2];
    if (kind !== undefined) this.requests[kind]++;
    return response;
  }

  #failed(): void {
    this.inFlight--;
    this.requests["5xx"]++;
  }
}
