// The person's video, of which a preview is played; a value is what preview_of writes (vtg_core/dashboard/player.py).

import { rootOf } from "./drawing.js";
import { make, textButton } from "./shared.js";
import { on, set } from "./store.js";

const UNPLAYABLE = "Your browser cannot play this file; if it is a video, the page reads it all the same.";
const ACCEPTED = "video/*,image/gif,.asf,.avi,.flv,.gif,.ivf,.mkv,.mov,.mpg,.mxf,.nut,.ogv,.ts,.webm";

const SAME_TIME = 0.02; // seconds: what the player says of itself is not asked of it again

const addressOf = (path) => {
  const { root: site = "", api_prefix: prefix = "/gradio_api" } = globalThis.gradio_config ?? {};
  return `${site}${prefix}/file=${encodeURIComponent(path).replaceAll("%2F", "/")}`;
};

// A playlist is not played: the browser would ask for what it names.
const isPlaylist = async (file) => (await file.slice(0, 64).text()).trimStart().startsWith("#EXTM3U");

export default ({ element, props, trigger, upload, watch }) => {
  const root = rootOf(element);
  const chooser = make("input");
  [chooser.type, chooser.accept, chooser.hidden, chooser.ariaLabel] = ["file", ACCEPTED, true, "Video file"];
  const replace = textButton("Upload another", () => chooser.click());
  const clear = textButton("Clear", () => {
    [numUploads, props.value] = [numUploads + 1, null];
    show(null);
    trigger("clear");
    empty.focus();
  });
  clear.ariaLabel = "Clear the video";
  const head = make("div", "vtg-player-head");
  head.append(make("span", "vtg-player-label", "Video"), replace, clear);

  // One of the three stands in the middle: the video, what to do where there is none, or why it is not played.
  const video = make("video", "vtg-player-stage");
  [video.controls, video.preload, video.playsInline] = [true, "metadata", true];
  const empty = textButton("", () => chooser.click());
  empty.className = "vtg-player-stage vtg-player-empty";
  empty.append(make("b", "", "Upload a video"), make("span", "vtg-muted", "or drop one here"));
  const unplayable = make("p", "vtg-player-stage vtg-player-unplayable", UNPLAYABLE);

  const name = make("b", "vtg-player-name");
  const about = make("p", "vtg-player-about");
  const kind = make("span", "vtg-muted");
  about.append(name, kind);
  const note = make("p", "vtg-player-note");
  note.role = "status";
  [root.role, root.ariaLabel] = ["group", "Video"];
  root.append(head, video, empty, unplayable, about, note, chooser);

  let numUploads = 0; // an upload that something later overtook is not wanted any more

  const stage = (shown) => {
    for (const one of [video, empty, unplayable]) one.hidden = one !== shown;
    kind.textContent = shown === video ? "preview" : "no preview";
    kind.title = "The page reads the file itself";
  };

  const say = (text) => {
    note.textContent = text;
    note.hidden = !text;
  };

  const show = (shown) => {
    say("");
    [replace.hidden, clear.hidden, about.hidden] = [!shown, !shown, !shown];
    [name.textContent, name.title, video.ariaLabel] = [shown?.name ?? "", shown?.name ?? "", `Preview of ${shown?.name}`];
    const address = shown?.path ? addressOf(shown.path) : "";
    const isSame = address === (video.getAttribute("src") ?? ""); // the next row of the same video: it plays on
    if (!isSame || !address) stage(address ? video : shown ? unplayable : empty);
    if (isSame) return;
    if (address) video.src = address;
    else video.removeAttribute("src");
    video.load();
  };

  video.addEventListener("timeupdate", () => video.hasAttribute("src") && set("playhead", video.currentTime));
  on("playhead", root, (time) => {
    if (time !== null && video.hasAttribute("src") && Math.abs(video.currentTime - time) > SAME_TIME) video.currentTime = time;
  });
  video.addEventListener("error", () => video.hasAttribute("src") && stage(unplayable));
  video.addEventListener("loadedmetadata", () => video.videoWidth || stage(unplayable)); // it would play the sound alone

  const take = async (file) => {
    const number = ++numUploads;
    say(`Uploading ${file.name} …`);
    try {
      const [{ path }, isHidden] = await Promise.all([upload(file), isPlaylist(file)]);
      if (number !== numUploads) return;
      props.value = JSON.stringify({ name: file.name, path });
      show({ name: file.name, path: isHidden ? null : path });
      trigger("upload");
    } catch (error) {
      if (number === numUploads) say(`${file.name} was not uploaded: ${error?.message ?? error}`);
    }
  };

  chooser.addEventListener("change", () => {
    if (chooser.files.length) take(chooser.files[0]);
    chooser.value = ""; // so that the same file can be chosen again
  });
  for (const type of ["dragenter", "dragover", "dragleave", "drop"])
    root.addEventListener(type, (event) => {
      event.preventDefault();
      root.classList.toggle("vtg-dropping", type === "dragenter" || type === "dragover");
    });
  root.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });

  const load = () => show(props.value ? JSON.parse(props.value) : null);
  load();
  watch("value", () => {
    numUploads++;
    load();
  });
};
