// A page at which nobody does anything costs nothing. Gradio counts the tenths of seconds that something takes, sixty times
// a second, and what it counts while the page is loaded it never stops counting: a twentieth of a core for as long as the
// page is open. So what counts so is asked ten times a second at first, and every two seconds when it has long been at it.

const COUNTS_SECONDS = /performance\.now\(\)[^;]*\/\s*1(e3|000)\b/;
const OFTEN = 100; // milliseconds
const SELDOM = 2000;
const LONG = 600; // so many times often before it is seldom: a minute

export const countsSeconds = (callback) => typeof callback === "function" && COUNTS_SECONDS.test(Function.prototype.toString.call(callback));

// `frame` asks for the next frame and `later` for a time in milliseconds; what is returned asks for one of them.
export const paced = (frame, later) => {
  let asked = 0; // by what has counted since: what is asked by a callback goes on where that was
  return (callback) => {
    if (!countsSeconds(callback)) return frame(callback);
    const times = asked;
    return later(() => {
      asked = times + 1;
      try {
        callback(performance.now());
      } finally {
        asked = 0;
      }
    }, times < LONG ? OFTEN : SELDOM);
  };
};

export const start = () => {
  globalThis.requestAnimationFrame = paced(globalThis.requestAnimationFrame.bind(globalThis), globalThis.setTimeout.bind(globalThis));
};
