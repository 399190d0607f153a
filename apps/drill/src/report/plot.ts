/**
 * Plots as inline SVG, by ourselves: lines over time with bands behind them, colours by CSS classes so that one page serves light and
 * dark. A plotting library was refused: the report is one file that needs no network, and this is all that it draws.
 */

export interface Line {
  readonly name: string;
  /** Which colour, 0 to 5. */
  readonly colour: number;
  /** Time and value; a null value is a gap. */
  readonly points: readonly (readonly [x: number, y: number | null])[];
}

export interface Band {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

export interface Plot {
  readonly title: string;
  readonly unit: string;
  /** Of time, s. */
  readonly from: number;
  readonly to: number;
  readonly lines: readonly Line[];
  readonly bands: readonly Band[];
  /** Values over several powers of ten: a logarithmic axis. */
  readonly isLogarithmic?: boolean;
}

const WIDTH = 960;
const HEIGHT = 220;
const LEFT = 56;
const RIGHT = 12;
const TOP = 26;
const BOTTOM = 24;

export function svgOf({ title, unit, from, to, lines, bands, isLogarithmic = false }: Plot): string {
  const values = lines.flatMap(({ points }) => points.flatMap(([, y]) => (y === null ? [] : [y])));
  const scale = scaleOf(values, isLogarithmic);
  const x = (time: number): number => LEFT + ((time - from) / (to - from || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => HEIGHT - BOTTOM - scale.share(value) * (HEIGHT - TOP - BOTTOM);
  const parts = [
    ...bands.map(({ name, from: began, to: ended }) => `<rect class="band" x="${px(x(began))}" y="${TOP}" width="${px(Math.max(1, x(ended) - x(began)))}" height="${HEIGHT - TOP - BOTTOM}"><title>${escaped(name)}</title></rect>`),
    ...scale.ticks.map((tick) => `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(y(tick))}" y2="${px(y(tick))}"/><text class="tick" text-anchor="end" x="${LEFT - 6}" y="${px(y(tick) + 4)}">${short(tick)}</text>`),
    ...ticksOfTime(from, to).map((tick) => `<text class="tick" text-anchor="middle" x="${px(x(tick))}" y="${HEIGHT - 6}">${tick} s</text>`),
    ...lines.map(({ name, colour, points }) => `<path class="line c${colour}" d="${pathOf(points, x, y)}"><title>${escaped(name)}</title></path>`),
    `<text class="title" x="${LEFT}" y="16">${escaped(title)}, ${escaped(unit)}</text>`,
    `<text class="key" text-anchor="end" x="${WIDTH - RIGHT}" y="16">${lines.map(({ name, colour }) => `<tspan class="c${colour}" dx="10">■ ${escaped(name)}</tspan>`).join('')}</text>`,
  ];
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">${parts.join('')}</svg>`;
}

interface Scale {
  readonly ticks: readonly number[];
  /** Height of a value as a share of the axis. */
  share(value: number): number;
}

function scaleOf(values: readonly number[], isLogarithmic: boolean): Scale {
  const most = Math.max(1, ...values);
  if (!isLogarithmic) {
    const step = niceStep(most / 4);
    const top = Math.ceil(most / step) * step;
    return { ticks: Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step), share: (value) => value / top };
  }
  const low = Math.floor(Math.log10(Math.max(0.1, Math.min(...values, most))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(most)));
  return {
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
    share: (value) => Math.max(0, (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)),
  };
}

/** 1, 2 or 5 times a power of ten, not below `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least)!;
}

function ticksOfTime(from: number, to: number): number[] {
  const step = niceStep((to - from) / 12);
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, index) => Math.round((first + index * step) * 100) / 100);
}

function pathOf(points: Line['points'], x: (time: number) => number, y: (value: number) => number): string {
  let isPenDown = false;
  let path = '';
  for (const [time, value] of points) {
    if (value === null) isPenDown = false;
    else {
      path += `${isPenDown ? 'L' : 'M'}${px(x(time))} ${px(y(value))}`;
      isPenDown = true;
    }
  }
  return path;
}

const px = (value: number): string => String(Math.round(value * 10) / 10);
const short = (value: number): string => (value >= 10_000 ? `${value / 1_000}k` : String(Math.round(value * 100) / 100));

export const escaped = (text: string): string => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
