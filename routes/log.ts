/**
 * A structured log: one JSON object a line.
 *
 * @module
 */

/** Levels from the most talkative to the quietest. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
/** One of {@linkcode LOG_LEVELS}. */
export type LogLevel = typeof LOG_LEVELS[number];

/** What goes with a message: names in snake_case, values that JSON can hold. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where events are told. */
export interface Log {
  /** Whether a message of this level is kept: ask before building costly fields. */
  enabled(level: LogLevel): boolean;
  /** Tells one event. */
  write(level: LogLevel, message: string, fields?: LogFields): void;
}

/** Characters kept of one value; what a peer sends must not fill a disk. */
export const MAX_LOG_VALUE = 1024;

/** Makes a log of JSON lines, `{"time":"…","level":"info","message":"…",…}`. */
export function createLog(options: {
  /** The quietest level that is still kept. */
  level: LogLevel;
  /** Takes each line, without its newline. */
  write: (line: string) => void;
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number;
}): Log {
  const { level, write, now = Date.now } = options;
  const threshold = LOG_LEVELS.indexOf(level);
  const enabled = (asked: LogLevel): boolean => LOG_LEVELS.indexOf(asked) >= threshold;
  return {
    enabled,
    write(asked, message, fields): void {
      if (!enabled(asked)) return;
      const head = { time: new Date(now()).toISOString(), level: asked, message: clip(message) };
      // The head comes last in precedence: a field can never pass itself off as the time or the level.
      write(
        JSON.stringify({ ...head, ...fields, ...head }, (_, value) => typeof value === "string" ? clip(value) : value),
      );
    },
  };
}

/** A log that keeps nothing. */
export const silentLog: Log = { enabled: () => false, write: () => {} };

function clip(text: string): string {
  return text.length <= MAX_LOG_VALUE ? text : `${text.slice(0, MAX_LOG_VALUE)}…`;
}
