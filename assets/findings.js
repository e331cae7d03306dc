// The findings of a file as rows that can be narrowed, sorted, counted and written out; no element is made here.

// The columns of a FileView (vtg_core/views/audit_file.py) as rows, in its order: the worst first.
export const readFindings = (view) =>
  view.rows.map((row, i) => {
    const cause = view.cause_at[i];
    const code = view.codes[view.cause_codes[cause]];
    const one = {
      place: i, row, where: view.wheres[i], code: code.code, severity: code.severity, title: code.title, cause: view.causes[cause], cause_at: cause,
      message: view.messages[i], video: view.videos[view.video_at[i]], template: view.templates[view.template_at[i]], query: view.queries[i], qid: view.qids[i],
    };
    one.searched = [row, one.where, one.code, one.title, one.message, one.video, one.query, one.qid].join("\n").toLowerCase();
    return one;
  });

export const NO_FILTER = { severity: "bad", code: "", cause: null, template: "", video: "", text: "" };

const BAD = ["error", "warning"];

const severityHolds = { bad: (one) => BAD.includes(one.severity), all: () => true };

// Every word must be there, whatever its case.
export const filtered = (rows, filter) => {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const video = filter.video.trim().toLowerCase();
  const isOf = severityHolds[filter.severity] ?? ((one) => one.severity === filter.severity);
  return rows.filter(
    (one) =>
      isOf(one) &&
      (!filter.code || one.code === filter.code) &&
      (filter.cause === null || one.cause_at === filter.cause) &&
      (!filter.template || one.template === filter.template) &&
      (!video || one.video.toLowerCase().includes(video)) &&
      words.every((word) => one.searched.includes(word)),
  );
};

// What findings can be sorted by; those that are alike stay in the order of the file.
export const SORTS = {
  worst: ["the worst first", (one) => one.place],
  row: ["by row", (one) => one.row ?? -1],
  code: ["by code", (one) => one.code],
  video: ["by video", (one) => one.video],
  template: ["by template", (one) => one.template],
};

export const sorted = (rows, by) => {
  const [, valueOf] = SORTS[by] ?? SORTS.worst;
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return [...rows].sort((a, b) => compare(valueOf(a), valueOf(b)) || (a.row ?? -1) - (b.row ?? -1) || a.place - b.place);
};

export const numRows = (rows) => new Set(rows.map(({ row }) => row).filter((row) => row !== null)).size;

// Of each code its distinct causes with their counts, the most frequent first; counts of codes are the server's, of causes
// those that are listed.
export const groupsOf = (view, rows) => {
  const counts = new Map();
  for (const one of rows) counts.set(one.cause_at, (counts.get(one.cause_at) ?? 0) + 1);
  return view.codes.map((code, at) => {
    const causes = view.cause_codes.map((of, cause) => ({ of, cause, words: view.causes[cause], count: counts.get(cause) ?? 0 }));
    return { ...code, causes: causes.filter(({ of, count }) => of === at && count).sort((a, b) => b.count - a.count) };
  });
};

// The finding before or behind a place in what is shown that has a row to open; null where there is none.
export const stepFrom = (rows, at, step) => {
  for (let i = at + step; i >= 0 && i < rows.length; i += step) if (rows[i].row !== null) return i;
  return null;
};

const FIELDS = ["row", "where", "qid", "severity", "code", "cause", "message", "video", "template", "query"];
const GUARDED = ["'", "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]; // as vtg_core/files/spreadsheet.py guards cells

const csvCell = (value) => {
  const text = value === null ? "" : String(value);
  const guarded = typeof value === "string" && GUARDED.some((sign) => text.startsWith(sign)) ? `'${text}` : text;
  return /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
};

// Exactly the rows that are given, in their order.
export const asCsv = (rows) => [FIELDS, ...rows.map((one) => FIELDS.map((name) => one[name]))].map((line) => line.map(csvCell).join(",")).join("\r\n") + "\r\n";

export const asJson = (rows, { subject, state, num_findings: all }, filter) => {
  const findings = rows.map((one) => Object.fromEntries(FIELDS.map((name) => [name, one[name]])));
  return `${JSON.stringify({ subject, state, filter, shown: rows.length, of: all, findings }, null, 1)}\n`;
};
