// The seconds of the video: its sampled frames, the window with handles that set it, and the player's place.

import { fixed, seconds, whole } from "./numbers.js";
import { make } from "./shared.js";
import { get, on, set } from "./store.js";
import { patchAtTime } from "./tokens.js";

const STEP = 0.1;
const SVG = "http://www.w3.org/2000/svg";

// Round numbers of seconds, at most `most` of them, from 0.
export const ticksOf = (duration, most) => {
  const size = 10 ** Math.floor(Math.log10(duration / most));
  const step = [1, 2, 5, 10].map((digit) => digit * size).find((one) => duration / one <= most);
  return Array.from({ length: Math.floor(duration / step) + 1 }, (_, i) => Number(fixed(i * step, 6)));
};

// The window with one end moved: both stay within the video, and a step apart.
export const movedWindow = ({ start, end }, which, to, duration) => {
  const rounded = Math.round(to / STEP) * STEP;
  if (which === "start") return { start: tidy(Math.max(0, Math.min(rounded, end - STEP))), end };
  return { start, end: tidy(Math.min(duration, Math.max(rounded, start + STEP))) };
};

const tidy = (number) => Math.round(number * 1000) / 1000;

// Which of the frames at `times` have room beside each other on a track of `room` pixels, and how wide each is seen: all of
// one width, evenly, above what they are the picture of; as many as keep most of their `width` pixels.
export const framesWithRoom = (times, duration, width, room) => {
  for (let step = 1; step <= times.length; step += 1) {
    const kept = [...times.entries()].filter(([index]) => index % step === 0);
    const placed = evenly(kept, duration, width, room) ?? byTime(kept, duration, width, room);
    if (placed.seen >= MOST_OF_IT * width) return placed;
  }
  return { seen: width, kept: [] };
};

const seenOf = (gap, width, room) => Math.min(width, (gap * room - BETWEEN) / (1 + gap));

// Times that were rounded to a frame leave one gap wider than the others: nobody is to see that. Null where it is more.
const evenly = (kept, duration, width, room) => {
  const gap = kept.length > 1 ? (kept.at(-1)[1] - kept[0][1]) / duration / (kept.length - 1) : 1;
  const seen = seenOf(gap, width, room);
  const at = (time) => (time / duration) * (room - seen);
  const placed = kept.map(([index], i) => [index, at(kept[0][1] + i * gap * duration)]);
  return placed.every(([, left], i) => Math.abs(left - at(kept[i][1])) <= seen / 2) ? { seen, kept: placed } : null;
};

const byTime = (kept, duration, width, room) => {
  const gap = Math.min(1, ...kept.slice(1).map(([, time], i) => (time - kept[i][1]) / duration));
  const seen = seenOf(gap, width, room);
  return { seen, kept: kept.map(([index, time]) => [index, (time / duration) * (room - seen)]) };
};

const BETWEEN = 2; // pixels between two frames
const MOST_OF_IT = 0.6;

const number = (value) => (value === null || value === undefined || value === "" || !Number.isFinite(Number(value)) ? null : Number(value));

// What stands in the fields, where that is a window of this video.
const windowOf = (frames) => {
  const [start, end] = [number(get("fields")?.start), number(get("fields")?.end)];
  if (start !== null && end !== null && start < end && end <= frames.duration + 1e-6) return { start, end };
  const [first] = frames.windows;
  return first ? { start: first[0], end: first[1] } : null;
};

const ticksNode = (frames) => {
  const [svg, path] = ["svg", "path"].map((name) => document.createElementNS(SVG, name));
  svg.setAttribute("viewBox", "0 0 1000 10");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "vtg-time-frames");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", frames.times.map((time) => `M${fixed((1000 * time) / frames.duration, 2)} 0V10`).join(""));
  path.setAttribute("vector-effect", "non-scaling-stroke");
  svg.append(path);
  return svg;
};

// The small pictures above the track; they are of what is heard of in other ways too, so nobody is read them.
const filmOf = () => {
  const row = make("div", "vtg-film");
  row.ariaHidden = "true";
  const draw = (shown) => {
    const film = get("film");
    row.hidden = !film || !shown;
    row.replaceChildren();
    if (row.hidden) return;
    row.style.height = `${film.height}px`;
    const { seen, kept } = framesWithRoom(film.times, shown.duration, film.width, row.clientWidth);
    for (const [index, left] of kept) {
      const one = make("div", "vtg-film-frame");
      Object.assign(one.style, { left: `${left}px`, width: `${seen}px`, backgroundImage: `url("${film.picture}")`, backgroundPosition: `${(seen - film.width) / 2 - index * film.width}px 0` });
      one.title = `frame ${whole(film.frames[index] + 1)} · ${seconds(film.times[index])}`;
      one.dataset.time = film.times[index];
      row.append(one);
    }
  };
  return { node: row, draw };
};

export const timeline = (root) => {
  const [box, track, scale, frames] = ["vtg-time", "vtg-time-track", "vtg-time-scale", "vtg-time-shown"].map((name) => make("div", name));
  const film = filmOf();
  const band = make("div", "vtg-time-window");
  const handles = ["start", "end"].map((which) => {
    const node = make("div", `vtg-time-handle vtg-time-${which}`);
    Object.assign(node, { role: "slider", tabIndex: 0, ariaLabel: which === "start" ? "Start of the window" : "End of the window", ariaValueMin: "0" });
    node.dataset.which = which;
    return node;
  });
  const [hovered, selected, playhead] = ["hovered", "selected", "playhead"].map((name) => make("div", `vtg-mark vtg-mark-${name}`));
  const about = make("p", "vtg-muted vtg-bar-about");
  track.append(frames, band, hovered, selected, playhead, ...handles);
  box.append(film.node, track, scale, about);
  let [model, shown, moved] = [null, null, null];

  const percentOf = (time) => `${(100 * time) / shown.duration}%`;
  const mark = (node, time) => {
    node.hidden = shown === null || time === null || time < 0 || time > shown.duration;
    if (!node.hidden) node.style.left = percentOf(time);
  };
  const timeOf = (index) => (model && index !== null && index < model.length ? (model.patchAt(index)?.[2].time ?? null) : null);
  const markPlayhead = () => mark(playhead, shown === null || get("playhead") === null ? null : get("playhead") - shown.clip_start);

  const drawWindow = () => {
    if (shown === null) return;
    const window = moved ?? windowOf(shown);
    band.hidden = window === null;
    for (const handle of handles) handle.hidden = window === null;
    if (window === null) return;
    [band.style.left, band.style.width] = [percentOf(window.start), percentOf(window.end - window.start)];
    for (const handle of handles) {
      const at = window[handle.dataset.which];
      handle.style.left = percentOf(at);
      Object.assign(handle, { ariaValueMax: String(shown.duration), ariaValueNow: String(at), ariaValueText: seconds(at) });
    }
    const { times, num_patches: patches } = shown;
    const within = times.filter((time) => window.start <= time && time <= window.end).length;
    about.textContent = `${seconds(shown.duration)} · window ${fixed(window.start, 1)} to ${seconds(window.end)} holds ${whole(within)} of ${whole(times.length)} sampled frames · ${whole(patches)} steps for the model`;
  };
  const draw = () => {
    [model, moved] = [get("row"), null];
    shown = model?.view.frames ?? null;
    box.hidden = shown === null;
    if (shown === null) return;
    frames.replaceChildren(ticksNode(shown));
    film.draw(shown);
    scale.replaceChildren(
      ...ticksOf(shown.duration, 8).map((time) => {
        const tick = make("span", "", `${time} s`);
        tick.style.left = percentOf(time);
        return tick;
      }),
    );
    drawWindow();
    mark(hovered, timeOf(get("hovered")));
    mark(selected, timeOf(get("selected")));
    markPlayhead();
  };

  const timeUnder = (event) => {
    const { left, width } = track.getBoundingClientRect();
    return shown.duration * Math.max(0, Math.min((event.clientX - left) / width, 1));
  };
  const move = (which, to) => {
    const window = moved ?? windowOf(shown);
    if (!window) return;
    moved = movedWindow(window, which, to, shown.duration);
    drawWindow();
  };
  const tell = () => moved && set("window", { ...moved });

  for (const handle of handles) {
    const { which } = handle.dataset;
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      event.stopPropagation();
    });
    handle.addEventListener("pointermove", (event) => handle.hasPointerCapture(event.pointerId) && move(which, timeUnder(event)));
    handle.addEventListener("pointerup", tell);
    handle.addEventListener("click", (event) => event.stopPropagation());
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP, PageUp: 10 * STEP, PageDown: -10 * STEP }[event.key];
      const window = moved ?? windowOf(shown);
      const to = { Home: 0, End: shown.duration }[event.key] ?? (step ? window[which] + step : null);
      if (to === null) return;
      event.preventDefault();
      move(which, to);
      tell();
    });
  }
  track.addEventListener("pointermove", (event) => shown && set("hovered", patchAtTime(model, timeUnder(event))?.pixelStart ?? null));
  track.addEventListener("pointerleave", () => set("hovered", null));
  track.addEventListener("click", (event) => {
    if (!shown) return;
    const time = timeUnder(event);
    set("playhead", shown.clip_start + time);
    const patch = patchAtTime(model, time);
    if (patch) set("selected", patch.pixelStart);
  });
  film.node.addEventListener("click", ({ target }) => {
    const time = number(target.dataset.time);
    if (time === null || !shown) return;
    set("playhead", shown.clip_start + time);
    const patch = patchAtTime(model, time);
    if (patch) set("selected", patch.pixelStart);
  });
  new ResizeObserver(() => film.draw(shown)).observe(film.node);
  on("film", root, () => film.draw(shown));
  on("row", root, draw);
  on("fields", root, () => {
    moved = null;
    drawWindow();
  });
  on("hovered", root, (index) => mark(hovered, timeOf(index)));
  on("selected", root, (index) => mark(selected, timeOf(index)));
  on("playhead", root, markPlayhead);
  draw();
  return box;
};
