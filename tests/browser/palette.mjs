// Pictures of pages with a palette: a page has few colours that matter, and is a third of the size that way.
import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const MOST = 256;

/** A PNG of eight bits a channel, without interlacing (as the browser makes them), as one with at most 256 colours. */
export function indexed(png) {
  const { width, height, channels, lines } = pixels(png);
  const count = new Map();
  const colours = new Uint32Array(width * height);
  for (let place = 0; place < colours.length; place += 1) {
    const at = place * channels;
    const colour = (lines[at] << 16) | (lines[at + 1] << 8) | lines[at + 2];
    colours[place] = colour;
    count.set(colour, (count.get(colour) ?? 0) + 1);
  }
  const palette = [...count].sort(([, one], [, other]) => other - one).slice(0, MOST).map(([colour]) => colour);
  const nearest = new Map(palette.map((colour, place) => [colour, place]));
  const rows = Buffer.alloc((width + 1) * height);
  for (let place = 0; place < colours.length; place += 1) {
    let found = nearest.get(colours[place]);
    if (found === undefined) nearest.set(colours[place], found = closest(palette, colours[place]));
    rows[Math.floor(place / width) * (width + 1) + 1 + (place % width)] = found;
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  const colourBytes = Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  const parts = [["IHDR", header], ["PLTE", colourBytes], ["IDAT", deflateSync(rows, { level: 9 })], ["IEND", Buffer.alloc(0)]];
  return Buffer.concat([SIGNATURE, ...parts.map(([kind, data]) => chunk(kind, data))]);
}

function closest(palette, colour) {
  const distance = (other) => [16, 8, 0].reduce((sum, shift) => sum + (((colour >> shift) & 255) - ((other >> shift) & 255)) ** 2, 0);
  let best = 0;
  for (let place = 1; place < palette.length; place += 1) if (distance(palette[place]) < distance(palette[best])) best = place;
  return best;
}

function chunk(kind, data) {
  const whole = Buffer.alloc(12 + data.length);
  whole.writeUInt32BE(data.length, 0);
  whole.write(kind, 4, "latin1");
  data.copy(whole, 8);
  whole.writeUInt32BE(crc32(whole.subarray(4, 8 + data.length)), 8 + data.length);
  return whole;
}

/** The bytes of all pixels, their lines' filters undone (PNG, third edition, 9.2). */
function pixels(png) {
  const data = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const [width, height, depth, kind, interlaced] = [png.readUInt32BE(16), png.readUInt32BE(20), png[24], png[25], png[28]];
  const channels = { 2: 3, 6: 4 }[kind];
  if (depth !== 8 || !channels || interlaced) throw new Error("a picture of another kind");
  const raw = inflateSync(Buffer.concat(data));
  const line = width * channels;
  const lines = Buffer.alloc(line * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (line + 1)];
    for (let x = 0; x < line; x += 1) {
      const left = x < channels ? 0 : lines[y * line + x - channels];
      const up = y === 0 ? 0 : lines[(y - 1) * line + x];
      const corner = x < channels || y === 0 ? 0 : lines[(y - 1) * line + x - channels];
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      lines[y * line + x] = raw[y * (line + 1) + 1 + x] + guess;
    }
  }
  return { width, height, channels, lines };
}

function paeth(left, up, corner) {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
