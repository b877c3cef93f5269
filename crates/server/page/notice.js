// What went wrong, in words, and the way on: asking again at once, after a wait, when the server is back, or with a key.

import { ask, useKey } from "./api.js";
import { button, byId, el } from "./dom.js";

const FIRST_KNOCK_MS = 1_000;
const LAST_KNOCK_MS = 15_000;

const HEADS = {
  gone: "The server does not answer",
  "too-many-requests": "The server asks for a pause",
  timeout: "That took the server too long",
  unavailable: "The server is not ready",
  forbidden: "This key may not do that",
};

export class Notice {
  #root = byId("notice");
  #dialog = byId("key");
  #timer;
  #again;
  #pause = FIRST_KNOCK_MS;

  constructor() {
    byId("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      useKey(byId("key-field").value.trim());
      byId("key-field").value = "";
      this.#dialog.close();
      this.#again?.();
    });
    this.#dialog.addEventListener("cancel", () =>
      this.#put(
        "This server asks for a key",
        "Without one it gives no lists.",
        button("pill", "Give a key", () => this.#dialog.showModal()),
      ),
    );
  }

  clear() {
    clearTimeout(this.#timer);
    this.#pause = FIRST_KNOCK_MS;
    this.#root.hidden = true;
    this.#root.replaceChildren();
  }

  /** Shows a problem; `again` asks once more. */
  show(problem, again) {
    clearTimeout(this.#timer);
    this.#again = again;
    if (problem.kind === "unauthorized") this.#askForKey(problem);
    else if (problem.kind === "too-many-requests") this.#wait(problem);
    else if (problem.kind === "gone" || problem.kind === "unavailable") this.#knock(problem);
    else this.#put(HEADS[problem.kind] ?? problem.title ?? "Something went wrong here", told(problem), retry(again));
  }

  #put(head, text, ...more) {
    this.#root.replaceChildren(el("b", {}, head), el("p", {}, text), ...more);
    this.#root.hidden = false;
  }

  #askForKey(problem) {
    this.clear();
    byId("key-reason").textContent = this.#dialog.dataset.asked
      ? `The server did not take that key. ${told(problem)}`
      : "It is kept in this page's memory and is gone when you close it.";
    this.#dialog.dataset.asked = "yes";
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  #wait({ wait }) {
    const left = el("span", {}, `${wait} s`);
    this.#put(
      HEADS["too-many-requests"],
      el("span", {}, "It has had many requests. Asking again in ", el("span", { "aria-live": "off" }, left), "."),
    );
    const until = Date.now() + wait * 1000;
    const tick = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      if (seconds <= 0) {
        this.#again();
        return;
      }
      left.textContent = `${seconds} s`;
      this.#timer = setTimeout(tick, 250);
    };
    tick();
  }

  /** Knocks, more and more rarely, until the server is there. */
  #knock(problem) {
    this.#put(
      HEADS[problem.kind],
      `${told(problem)} Your ratings are safe in this page; it goes on by itself as soon as the server is back.`,
      retry(this.#again),
    );
    const knock = async () => {
      try {
        await ask("health/ready");
        this.#again();
      } catch {
        later();
      }
    };
    const later = () => {
      this.#timer = setTimeout(knock, this.#pause);
      this.#pause = Math.min(2 * this.#pause, LAST_KNOCK_MS);
    };
    later();
  }
}

const retry = (again) => button("pill", "Ask again", again);

const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

function told({ message, hint, id }) {
  return (
    [message, hint]
      .filter(Boolean)
      .map((text) => sentence(text[0].toUpperCase() + text.slice(1)))
      .join(" ") + (id ? ` (Request ${id})` : "")
  );
}
