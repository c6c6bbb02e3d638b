// Makes src/map.json from Natural Earth (public domain): land of the npm package world-atlas, and the borders
// between provinces from ne_50m_admin_1_states_provinces.geojson (nvkelso/natural-earth-vector), whose path is the argument.
//
// A line is a string: for each point the difference to the one before in steps of `1 / STEPS` degrees, as pairs of
// numbers, each with 5 bits a character and the lowest bit for the sign.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { feature, mesh } from "topojson-client";
import { topology } from "topojson-server";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const EAST_ASIA = [70, 0, 142, 56];

const atlas = (name) => JSON.parse(readFileSync(new URL(`node_modules/world-atlas/${name}`, import.meta.url)));
const rings = (name) => {
    const land = feature(atlas(name), "land");
    return land.features.flatMap(({ geometry }) =>
        geometry.type === "Polygon" ? geometry.coordinates : geometry.coordinates.flat());
};

/** Clips a ring to a box (Sutherland and Hodgman). */
const clipped = (ring, [west, south, east, north]) => {
    const edges = [[0, west, 1], [0, east, -1], [1, south, 1], [1, north, -1]];
    return edges.reduce((points, [axis, at, side]) => {
        const inside = (point) => (point[axis] - at) * side >= 0;
        return points.flatMap((point, i) => {
            const before = points[(i + points.length - 1) % points.length];
            const kept = inside(point) ? [point] : [];
            if (inside(point) === inside(before)) return kept;
            const share = (at - before[axis]) / (point[axis] - before[axis]);
            const cut = [0, 1].map((n) => before[n] + share * (point[n] - before[n]));
            return [cut, ...kept];
        });
    }, ring);
};

/** Leaves out points that are nearer than `error` to the line between their neighbours (Douglas and Peucker). */
const simplified = (line, error) => {
    if (line.length < 3) return line;
    const [a, b] = [line[0], line.at(-1)];
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
    const distance = ([x, y]) => length === 0
        ? Math.hypot(x - a[0], y - a[1])
        : Math.abs((b[0] - a[0]) * (a[1] - y) - (a[0] - x) * (b[1] - a[1])) / length;
    let far = 0;
    for (let i = 1; i < line.length - 1; i++) if (far === 0 || distance(line[i]) > distance(line[far])) far = i;
    if (distance(line[far]) < error) return [a, b];
    return [...simplified(line.slice(0, far + 1), error).slice(0, -1), ...simplified(line.slice(far), error)];
};

const encoded = (line, steps) => {
    let text = "", last = [0, 0];
    for (const point of line) {
        const now = point.map((degrees) => Math.round(degrees * steps));
        for (const n of [0, 1]) {
            const step = now[n] - last[n];
            let value = step < 0 ? -step * 2 + 1 : step * 2;
            do {
                text += DIGITS[(value & 31) + (value > 31 ? 32 : 0)];
                value >>= 5;
            } while (value);
        }
        last = now;
    }
    return text;
};

const STEPS = 40;
const lines = (given, error, fewest) => given
    .map((line) => simplified(line, error)).filter((line) => line.length >= fewest)
    .map((line) => encoded(line, STEPS));

const PROVINCES_SHA256 = "118de8e0252c0412c4fa5d6559c7e5b3846ae827acab132c7d147d0fa63c515c";
const file = readFileSync(process.argv[2]);
if (createHash("sha256").update(file).digest("hex") !== PROVINCES_SHA256) throw new Error("another version of the file");
const provinces = JSON.parse(file);
const chinese = provinces.features.filter(({ properties }) => properties.adm0_a3 === "CHN");
if (chinese.length === 0) throw new Error("no province in the file");
const shared = topology({ chinese: { type: "FeatureCollection", features: chinese } }, 1e5);
const borders = mesh(shared, shared.objects.chinese, (a, b) => a !== b).coordinates;
const map = {
    steps: STEPS,
    near: EAST_ASIA,
    world: lines(rings("land-110m.json"), 0.15, 4),
    land: lines(rings("land-50m.json").map((ring) => clipped(ring, EAST_ASIA)), 0.025, 5),
    provinces: lines(borders, 0.02, 2),
};
writeFileSync(new URL("src/map.json", import.meta.url), `${JSON.stringify(map)}\n`);
for (const [name, part] of Object.entries(map)) console.log(name, JSON.stringify(part).length);
