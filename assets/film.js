// A few frames of the video for the timeline, where they are drawn; a value is a FilmView (vtg_core/views/tokens.py).

import { rootOf } from "./drawing.js";
import { set } from "./store.js";

const OURS = /^data:image\/jpeg;base64,[A-Za-z0-9+/=]+$/; // nothing else is asked for

export default ({ element, props, watch }) => {
  const load = () => {
    const view = props.value ? JSON.parse(props.value) : null;
    set("film", view && OURS.test(view.picture) ? view : null);
  };
  rootOf(element).hidden = true;
  load();
  watch("value", load);
};
