// How a number is written. What is not known, null, is a dash.

const DASH = "–";

export const whole = (number) => (number === null ? DASH : number.toLocaleString("en-US"));

export const fixed = (number, digits) => (number === null ? DASH : number.toFixed(digits));

// With a real minus sign; what is rounded to nothing has no sign.
export const signed = (number, digits) => {
  if (number === null) return DASH;
  const size = Math.abs(number).toFixed(digits);
  return Number(size) === 0 ? size : `${number > 0 ? "+" : "−"}${size}`;
};

export const tiny = (number) => (number === 0 ? "0" : number.toExponential(1));

// A number whose size matters where it is small, and whose digits do elsewhere.
export const fixedOrTiny = (number, digits, least) =>
  number !== null && number !== 0 && number < least ? number.toExponential(1) : fixed(number, digits);

export const percent = (share, digits) => (share === null ? DASH : `${(100 * share).toFixed(digits)} %`);

export const percentOrTiny = (share) => (share >= 1e-4 ? percent(share, share < 0.1 ? 2 : 1) : share.toExponential(1));

// So many digits that say something, and no noughts behind them.
export const upTo = (number, digits) => String(Number(number.toPrecision(digits)));

export const seconds = (number) => `${number.toFixed(1)} s`;

export const timeLeft = (number) => {
  if (number === null) return "";
  if (number < 90) return ` about ${whole(Math.max(1, Math.round(number)))} s left`;
  return number < 5400 ? ` about ${whole(Math.round(number / 60))} min left` : ` about ${(number / 3600).toFixed(1)} h left`;
};

// "all" only where it is all of the file's rows.
export const ofRows = (number, all) => {
  if (number < all) return `${whole(number)} of ${whole(all)} rows`;
  return all === 1 ? "one row" : `all ${whole(all)} rows`;
};
