// The window on screen in every answer form, as the server writes it: nothing to see here, it goes into the store. A value
// is a FormsView (vtg_core/views/samples.py).

import { set } from "./store.js";

export default ({ props, watch }) => {
  const tell = () => props.value && set("forms", JSON.parse(props.value));
  tell();
  watch("value", tell);
};
