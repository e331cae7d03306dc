// A page that the server's queue has no place for asks again, and says so. Gradio asks once, and leaves a page that was
// turned away as it stands. So what asks for a place is asked here, and Gradio hears of the answer that counts.

const JOIN = /\/queue\/join(\?|$)/;
const TURNED_AWAY = [429, 503];
const MOST_SECONDS = 20;
const MOST_TRIES = 60; // about twenty minutes

const secondsBefore = (tries) => Math.min(MOST_SECONDS, 2 ** tries) * (0.5 + Math.random() / 2);
const seconds = (number) => new Promise((resolve) => setTimeout(resolve, 1000 * number));

const boxOf = () => {
  const there = document.querySelector("#queue-note");
  if (there) return there;
  const box = document.createElement("div");
  box.id = "queue-note";
  box.setAttribute("role", "status");
  document.body.append(box);
  return box;
};

// How many wait, as the server says it; null where it does not.
export const waitingIn = async (response) => {
  try {
    const { waiting } = await response.clone().json();
    return Number.isInteger(waiting) && waiting >= 0 ? waiting : null;
  } catch {
    return null;
  }
};

export const words = (waiting, tries, wait) => {
  const place = waiting === null ? "" : ` ${waiting} requests wait before this one.`;
  return `The page is busy, and what you asked for has no place in the queue yet.${place} Asked ${tries} times; again in ${Math.ceil(wait)} s.`;
};

const GIVEN_UP = "The page stayed busy, and what you asked for was not done. Reload the page to ask again.";

// `ask` is what asks the server; `tell` shows a sentence, or takes it away where it is empty.
export const patient = (ask, tell, rest = seconds) => {
  let turnedAway = 0;
  return async (input, init) => {
    const address = typeof input === "string" ? input : String(input?.url ?? input);
    if (!JOIN.test(address)) return ask(input, init);
    for (let tries = 1; ; tries += 1) {
      const response = await ask(input, init);
      const isTurnedAway = TURNED_AWAY.includes(response.status);
      if (tries === 1 && isTurnedAway) turnedAway += 1;
      if (!isTurnedAway || tries === MOST_TRIES) {
        if (tries > 1 || isTurnedAway) turnedAway -= 1;
        if (isTurnedAway) tell(GIVEN_UP);
        else if (!turnedAway) tell("");
        return response;
      }
      const wait = secondsBefore(tries);
      tell(words(await waitingIn(response), tries, wait));
      await rest(wait);
    }
  };
};

const show = (text) => {
  boxOf().textContent = text;
};

export const start = () => {
  globalThis.fetch = patient(globalThis.fetch.bind(globalThis), show);
};
