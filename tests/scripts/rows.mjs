// A row to test with: a prompt, a video of `patches` frames with a stamp of two tokens before each, and an answer of two.

export const viewOf = ({ patches = 3, pads = 4, stamped = true, ...more } = {}) => {
  const [ids, pieces] = [[10, 11, 12, 13, 14, 15, 16, 17], ["Find ", "<2", "s>", "<vs>", "<pad>", "<ve>", " the", " end\n"]];
  const [token, runs, regions] = [[0, 6], [], [[0, 0]]];
  let at = 2;
  for (let i = 0; i < patches; i += 1) {
    if (stamped) {
      regions.push([1, at], [2, at + 2]);
      token.push(1, 2, 3);
      at += 3;
    }
    if (stamped || i === 0) {
      if (!stamped) regions.push([2, at]);
      runs.push([token.length, stamped ? pads : pads * patches]);
      token.push(4);
      at += stamped ? pads : pads * patches;
    }
    if (stamped) {
      token.push(5);
      at += 1;
    }
  }
  regions.push([3, at]);
  token.push(6, 7);
  const frames = { times: Array.from({ length: 2 * patches }, (_, i) => i), num_patches: patches, duration: 2 * patches, clip_start: 0, windows: [[1, 2]] };
  return {
    num_tokens: at + 2, ids, pieces, controls: [3, 4, 5], placeholders: [4], bytes: [], token, runs, kinds: ["instruction", "timestamp", "video", "answer"],
    regions, trained: [[at, at + 2]], other_labels: [], texts: [], totals: {}, policy: ["answer"], against: "", verdicts: null, frames, max_length: null, ...more,
  };
};
