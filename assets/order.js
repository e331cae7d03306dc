// How many audits this page has asked for: what is asked for later was chosen later, in whatever order the answers come.

let count = 0;

export const next = () => (count += 1);
