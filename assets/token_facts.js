// Everything that is known of one token, and why it is, or is not, in the loss. Nothing here touches the page.

import { fixed, fixedOrTiny, seconds, whole } from "./numbers.js";
import { KIND_NAMES } from "./shared.js";
import { byWhom, VERDICTS } from "./tokens.js";

const IGNORED = -100;
const SERVING = {
  answer: "samples it: the model writes this token itself",
  end_of_turn: "samples it: the model ends its turn with this token",
  thinking: "samples it: the model writes this token itself",
  video: "writes it: the processor puts it there for the video's pixels",
  timestamp: "writes it: the processor puts it there for the video's times",
  query: "writes it: what a person asked, put in by the template",
  instruction: "writes it: the prompt template's words",
  padding: "never sees it: it fills the batch",
};

const namesOf = (kinds) => kinds.map((kind) => (kind === "chat" ? "the white space after it" : KIND_NAMES[kind])).join(", ");

const whyOf = (model, index, kind, isTrained) => {
  const { policy } = model.view;
  const name = KIND_NAMES[kind];
  if (!policy) return isTrained ? `the row's own label trains it; its region is ${name}` : `the row's own label leaves it out; its region is ${name}`;
  const trains = `the policy trains ${namesOf(policy)}`;
  if (isTrained) return `its region is ${name}, and ${trains}`;
  if (kind === "video" || kind === "timestamp") return "the processor writes it for the video, and no policy trains that";
  return `its region is ${name}, and ${trains} alone`;
};

export const MEANINGS = { agree: "both train it", leak: "it trains this, and should not", hole: "it should train this, and does not" };

const bytesOf = (model, index) => {
  const text = model.textAt(index);
  if (model.isBytes(index) && /^⟨[0-9A-F ]+⟩$/.test(text)) return text.slice(1, -1);
  return [...new TextEncoder().encode(text)].map((byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ");
};

const framesOf = (model, index) => {
  const patch = model.patchAt(index)?.[2];
  if (!patch || patch.time === null) return null;
  const all = model.view.frames.times;
  const frames = [];
  for (let i = patch.from; i <= patch.to; i += 1) frames.push({ frame: i + 1, time: all[i] });
  return { frames, step: patch.number + 1, seconds: patch.time };
};

// What is copied as JSON: plain values, under names that stay.
export const factsOf = (model, index, { verdict = 0, loss = null, maxLength = null } = {}) => {
  const [start, end, kind] = model.regionAt(index);
  const isTrained = model.isTrained(index);
  const other = model.otherLabelAt(index);
  const label = other !== null ? model.view.ids[other] : isTrained ? model.idAt(index) : IGNORED;
  const facts = {
    index, id: model.idAt(index), text: model.textAt(index), bytes: bytesOf(model, index),
    is_control: model.isControl(index), label, in_loss: isTrained, region: kind, region_start: start, region_end: end,
    why: whyOf(model, index, kind, isTrained),
    predicted_from: index > 0 ? index - 1 : null,
    serving: SERVING[kind] ?? "writes it: the chat template's words",
  };
  const weight = model.weightAt(index);
  if (weight !== null) facts.weight = weight;
  if (other !== null) facts.label_text = model.view.pieces[other];
  if (verdict) facts.verdict = VERDICTS[verdict];
  const most = model.view.max_length ?? maxLength;
  if (most !== null) facts.is_cut = index >= most;
  const video = framesOf(model, index);
  if (video) Object.assign(facts, video);
  if (loss) Object.assign(facts, { nll: loss.nll, probability: loss.prob, rank: loss.rank });
  return facts;
};

const frameWords = ({ frames, seconds: time, region }) => {
  const [first, last] = [frames[0], frames.at(-1)];
  const which = first === last ? `frame ${whole(first.frame)}, shown at ${fixed(first.time, 2)} s` : `frames ${whole(first.frame)} and ${whole(last.frame)}, shown at ${fixed(first.time, 2)} and ${fixed(last.time, 2)} s`;
  return region === "timestamp" ? `stands for ${which}` : `${which}; one step for the model, at ${fixed(time, 2)} s`;
};

// The facts as a person reads them: [name, words].
export const wordsOf = (model, facts, comparison = null) => {
  const state = facts.in_loss ? `${whole(facts.label)} · in the loss` : `${IGNORED} · not in the loss`;
  const label = `${state}${byWhom(comparison)}`;
  const said = [
    ["Index", `${whole(facts.index)} of ${whole(model.length)}`],
    ["Id", String(facts.id)],
    ["Bytes", facts.bytes || "none"],
    ["Label", facts.label_text === undefined ? label : `${label}, and another token: ${facts.label_text}`],
    ["Region", `${KIND_NAMES[facts.region]} · tokens ${whole(facts.region_start)} to ${whole(facts.region_end - 1)}`],
    ["Why", facts.why],
    ["Predicted", facts.predicted_from === null ? "from nothing: the first token is in no loss" : `from position ${whole(facts.predicted_from)}, ${JSON.stringify(model.textAt(facts.predicted_from))}`],
    ["Serving", facts.serving],
  ];
  if (facts.weight !== undefined) said.push(["Weight", facts.in_loss ? `${fixed(facts.weight, 3)}: so much it counts in the loss` : "0, as it is masked"]);
  if (facts.frames) said.push([facts.frames.length > 1 ? "Frames" : "Frame", frameWords(facts)]);
  if (facts.verdict) said.push(["Verdict", `${facts.verdict}: ${MEANINGS[facts.verdict]}, by ${comparison?.against ?? "ours"}`]);
  if (facts.is_cut) said.push(["Cut", "max_length leaves it out"]);
  if (facts.nll !== undefined) said.push(["Loss", `${fixed(facts.nll, 4)} nats · probability ${fixedOrTiny(facts.probability, 4, 0.001)} · rank ${whole(facts.rank)}`]);
  return said;
};

// What a screen reader says of an item of the flow.
export const spokenOf = (model, item, verdict = 0) => {
  const state = model.isTrained(item.start) ? "in the loss" : "not in the loss";
  const region = KIND_NAMES[model.regionAt(item.start)[2]];
  const compared = verdict ? `, ${VERDICTS[verdict]}` : "";
  if (item.type === "block") return `${blockText(item)}, video, ${state}${compared}`;
  if (item.type === "run") return `${model.textAt(item.start)} ${whole(item.end - item.start)} times, from index ${whole(item.start)}, ${region}, ${state}${compared}`;
  return `${item.text ?? model.textAt(item.start)}, index ${whole(item.start)}, ${region}, ${state}${compared}`;
};

export const blockText = ({ patch, start, end }) => {
  const { from, to, time, number } = patch;
  const which = time === null ? `step ${whole(number + 1)}` : from === to ? `frame ${whole(from + 1)}` : `frames ${whole(from + 1)}–${whole(to + 1)}`;
  return [which, ...(time === null ? [] : [seconds(time)]), `${whole(end - start)} tokens`].join(" · ");
};
