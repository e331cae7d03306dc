// What leaves the page: the row on screen as one file that needs nothing else, and the strip of it as a picture.

import { barPicture } from "./bar_picture.js";
import { make, textButton } from "./shared.js";
import { get } from "./store.js";

const PLACE = 'id="vtg-report">null<'; // where PLACE of vtg_core/views/report/document.py has nothing yet
const SAID_FOR = 1500; // milliseconds

const save = (blob, name) => {
  const link = make("a");
  [link.href, link.download] = [URL.createObjectURL(blob), name];
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};

const textAt = (selector) => {
  const node = document.querySelector(selector);
  return (node?.value ?? node?.textContent ?? "").trim();
};

// What is on screen, as a ReportView; the fields may have been edited since it was read, and are then left out.
const reportView = (tokens) => {
  const isEdited = document.body.classList.contains("vtg-edited");
  const about = [
    ["Query", isEdited ? "" : textAt("#query textarea")],
    ["Template", `${get("template")}, ${get("answer")}`],
    ["Mask of", get("mask")],
    ["Video", [textAt(".vtg-player-name"), textAt("#facts textarea")].filter(Boolean).join(" · ")],
  ].filter(([, text]) => text);
  const row = { name: get("template"), about, tokens, strip: get("strip"), film: get("film"), loss: get("loss"), selected: get("selected") };
  return { title: "VTG Lens", rows: [row], colour: get("colour") };
};

export const reportButton = (address) => {
  const words = "Download report";
  const button = textButton(words, async () => {
    const model = get("row");
    try {
      if (!model) throw new Error("there is no row on screen");
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(`${answer.status}`);
      const shown = JSON.stringify(reportView(model.view)).replaceAll("<", "\\u003c");
      const text = (await answer.text()).replace(PLACE, () => PLACE.replace("null", () => shown));
      save(new Blob([text], { type: "text/html" }), "vtg-lens-report.html");
      button.textContent = "Saved";
    } catch {
      button.textContent = "Not possible now";
    }
    setTimeout(() => (button.textContent = words), SAID_FOR);
  }, "This row with its tokens, timeline and findings, as one HTML file that works without a network");
  return button;
};

export const pictureButton = (bar) =>
  textButton("PNG", () => barPicture(bar).toBlob((blob) => blob && save(blob, "vtg-lens-row.png")), "The strip of the whole row as a picture");
