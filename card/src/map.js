// Draws a map as SVG: land, lines of provinces, a graticule, a scale bar, and the result over them.
import map from "./map.json";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const WIDTH = 640, HEIGHT = 320;
const KM_A_DEGREE = 111.32;
/** The least height of the map, so that something known is in sight. */
const MIN_DEGREES = 9;
export const MAX_POINTS = 20000;

const decoded = (text) => {
    const points = [], last = [0, 0];
    let value = 0, shift = 0, n = 0;
    for (const digit of text) {
        const bits = DIGITS.indexOf(digit);
        value |= (bits & 31) << shift;
        shift += 5;
        if (bits > 31) continue;
        last[n] += value & 1 ? -(value >> 1) : value >> 1;
        if (n === 1) points.push([last[0] / map.steps, last[1] / map.steps]);
        value = shift = 0;
        n = 1 - n;
    }
    return points;
};

export const element = (name, attributes = {}, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
};

/** Returns the size of a box in km: east to west at its middle, and north to south. */
export const kilometres = ([west, south, east, north]) =>
    [(east - west) * KM_A_DEGREE * Math.cos((south + north) / 2 * Math.PI / 180), (north - south) * KM_A_DEGREE];

/** Returns whether this is a box in degrees. */
export const isBox = (box) => Array.isArray(box) && box.length === 4 && box.every(Number.isFinite)
    && box[0] >= -180 && box[2] <= 180 && box[1] >= -90 && box[3] <= 90 && box[0] <= box[2] && box[1] <= box[3];

const step = (span) => [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60].find((each) => span / each <= 6) ?? 60;
const round = (km) => {
    const power = 10 ** Math.floor(Math.log10(km));
    return [5, 2, 1].find((each) => each * power <= km) * power;
};
const degrees = (value, letters) =>
    `${Number(Math.abs(value).toFixed(2))}°${value === 0 ? "" : letters[value < 0 ? 1 : 0]}`;

/** Returns a map of a box with these lines, points and areas. */
export function draw(box, shapes, label) {
    const [west, south, east, north] = box;
    const middle = [(west + east) / 2, (south + north) / 2];
    const squeeze = Math.max(0.2, Math.cos(middle[1] * Math.PI / 180));
    const high = Math.min(180, Math.max(MIN_DEGREES, (north - south) * 2, (east - west) * 2 * squeeze * HEIGHT / WIDTH));
    const scale = HEIGHT / high;
    const x = (longitude) => WIDTH / 2 + (longitude - middle[0]) * scale * squeeze;
    const y = (latitude) => HEIGHT / 2 - (latitude - middle[1]) * scale;
    const path = (lines, end) => lines.map((line) =>
        `M${line.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("L")}${end}`).join("");
    const wide = WIDTH / scale / squeeze;
    const view = [middle[0] - wide / 2, middle[1] - high / 2, middle[0] + wide / 2, middle[1] + high / 2];
    const near = view.every((value, i) => i < 2 ? value >= map.near[i] : value <= map.near[i]);

    const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, class: "map" });
    svg.append(element("path", { class: "land", d: path((near ? map.land : map.world).map(decoded), "Z") }));
    if (high < 60) svg.append(element("path", { class: "province", d: path(map.provinces.map(decoded), "") }));
    const each = step(high);
    for (let at = Math.ceil(view[0] / each) * each; at < view[2]; at += each) {
        svg.append(element("path", { class: "grid", d: `M${x(at)} 0V${HEIGHT}` }),
            element("text", { x: x(at) + 4, y: HEIGHT - 6 }, degrees(at, "EW")));
    }
    for (let at = Math.ceil(view[1] / each) * each; at < view[3]; at += each) {
        if (Math.abs(at) > 90) continue;
        svg.append(element("path", { class: "grid", d: `M0 ${y(at)}H${WIDTH}` }));
        if (y(at) > 14 && y(at) < HEIGHT - 24) svg.append(element("text", { x: 6, y: y(at) - 4 }, degrees(at, "NS")));
    }
    if (shapes) {
        svg.append(element("path", { class: "area", d: path(shapes.areas, "Z") }),
            element("path", { class: "line", d: path(shapes.lines, "") }),
            element("path", { class: "point", d: path(shapes.points.map((point) => [point, point]), "") }));
    } else {
        const [w, h] = [Math.max(3, x(east) - x(west)), Math.max(3, y(south) - y(north))];
        svg.append(element("rect", { class: "box", x: x(middle[0]) - w / 2, y: y(middle[1]) - h / 2, width: w, height: h, rx: 1.5 }));
    }
    const km = round(WIDTH / 4 / scale * KM_A_DEGREE);
    const long = km / KM_A_DEGREE * scale, left = WIDTH - long - 16;
    svg.append(element("path", { class: "scale", d: `M${left} 14v5h${long}v-5` }),
        element("text", { x: left + long / 2, y: 32, "text-anchor": "middle" }, `${km} km`));
    return svg;
}

/** Returns the lines, points and areas of GeoJSON, up to `MAX_POINTS` points, with the box around them. */
export function shapesOf(geojson) {
    const found = { areas: [], lines: [], points: [], box: [180, 90, -180, -90], count: 0, capped: false, rows: [] };
    let left = MAX_POINTS, looked = 0;
    const point = (given) => {
        if (left-- <= 0) {
            found.capped = true;
            return false;
        }
        const [a, b] = Array.isArray(given) ? given : [];
        if (!(Math.abs(a) <= 180 && Math.abs(b) <= 90)) return false;
        found.box = [Math.min(found.box[0], a), Math.min(found.box[1], b), Math.max(found.box[2], a), Math.max(found.box[3], b)];
        return true;
    };
    const line = (given) => (Array.isArray(given) ? given.slice(0, MAX_POINTS + 1) : []).filter(point);
    const put = (into, given) => {
        const made = line(given);
        if (made.length > 0) into.push(made);
    };
    const list = (given) => Array.isArray(given) ? given : [];
    const geometry = (given, depth) => {
        if (found.capped || depth > 8 || looked++ > MAX_POINTS) return;
        const at = given?.coordinates;
        const draw = {
            Point: () => point(at) && found.points.push(at),
            MultiPoint: () => found.points.push(...line(at)),
            LineString: () => put(found.lines, at),
            MultiLineString: () => list(at).slice(0, MAX_POINTS).forEach((each) => put(found.lines, each)),
            Polygon: () => list(at).slice(0, MAX_POINTS).forEach((each) => put(found.areas, each)),
            MultiPolygon: () => list(at).slice(0, MAX_POINTS).forEach((each) => list(each).forEach((ring) => put(found.areas, ring))),
            GeometryCollection: () => list(given.geometries).forEach((each) => geometry(each, depth + 1)),
        };
        if (Object.hasOwn(draw, String(given?.type))) draw[given.type]();
    };
    const features = geojson.type === "FeatureCollection" ? list(geojson.features) : [geojson];
    found.count = features.length;
    for (const feature of features) {
        if (found.capped) break;
        geometry(feature?.type === "Feature" ? feature.geometry : feature, 0);
    }
    found.rows = features.slice(0, 20).map((feature) => feature?.properties).filter((row) => row && typeof row === "object");
    return found;
}
