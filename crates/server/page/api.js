// Talking to the server: one function that asks, one kind of error, and requests that a newer one overtakes.

/** What went wrong, as the server told it (RFC 9457), or of the kind `gone` where it told nothing. */
export class Problem extends Error {
  constructor({ kind, title, detail, hint, status, wait, id }) {
    super(detail || title);
    Object.assign(this, { kind, title, hint, status, wait, id });
  }
}

const PATIENCE_MS = 30_000;
const DEFAULT_WAIT_S = 5;
const root = new URL(".", document.baseURI);
let key = "";

/** The API key of all further requests; kept in memory. */
export function useKey(value) {
  key = value;
}

async function problemOf(response) {
  const told = await response.json().catch(() => ({}));
  return new Problem({
    kind: told.type?.split("/").at(-1) ?? "internal",
    title: told.title ?? `The server answered ${response.status}`,
    detail: told.detail,
    hint: told.hint,
    id: told.request_id ?? response.headers.get("x-request-id"),
    status: response.status,
    wait: Number(response.headers.get("retry-after")) || DEFAULT_WAIT_S,
  });
}

/** Asks: a GET, or a POST where there is a body. Fails with a Problem, or an AbortError where `signal` says so. */
export async function ask(path, { body, signal } = {}) {
  const slow = AbortSignal.timeout(PATIENCE_MS);
  const headers = { accept: "application/json" };
  if (key) headers.authorization = `Bearer ${key}`;
  if (body) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(new URL(path, root), {
      method: body ? "POST" : "GET",
      headers,
      body: body && JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, slow]) : slow,
    });
    if (response.ok) return await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem({
      kind: "gone",
      title: "The server does not answer",
      detail: "The connection failed, or took longer than half a minute: is `cofactor serve` running?",
    });
  }
  throw await problemOf(response);
}

/** A line on which only the newest request counts: each use gives a signal and aborts the one before. */
export class Line {
  #controller = new AbortController();

  next() {
    this.#controller.abort();
    this.#controller = new AbortController();
    return this.#controller.signal;
  }
}

export const isAbort = (error) => error.name === "AbortError";
