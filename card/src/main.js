// The card: shows a tool's result, and follows a batch task until it ends.
import { callTool, connect } from "./host.js";
import { draw, isBox, kilometres, shapesOf } from "./map.js";
import { setLanguage, word } from "./words.js";

const MAX_ROWS = 20, MAX_COLUMNS = 8, MAX_TEXT = 300;
/** The server's pauses between two queries (`src/pauses.rs`), in seconds. */
const FIRST_PAUSE = 2, MAX_PAUSE = 15;
const CALL_LIMIT = 60000;
const END = /^(success|completed|failed|error|cancell?ed|timeout|finished)$/i;

const card = document.querySelector("main");
const state = { input: {}, result: null, cancelled: false, canCall: false, started: 0, pause: FIRST_PAUSE, timer: 0, failing: false, over: false, task: null };

const node = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
};
const cut = (text) => text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
const text = (value) => cut(typeof value === "string" ? value : JSON.stringify(value) ?? "");

/** Keeps an integer that a number cannot hold, as an id may be. */
const exact = (_key, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source) ? context.source : value;

/** Returns the envelope of a result, from its text, whose integers are exact. */
const envelope = (result) => {
    const said = result?.content?.find((part) => part?.type === "text")?.text ?? "";
    try {
        const parsed = JSON.parse(said, exact);
        if (parsed && typeof parsed === "object") return parsed;
    } catch { /* The text is not JSON. */ }
    return result?.structuredContent ?? { success: !result?.isError, msg: said, data: null };
};

/** Returns the first value within `data` for which `is` holds, looking at most five levels deep. */
const find = (data, is, depth = 5) => {
    if (!data || typeof data !== "object" || depth === 0) return null;
    if (is(data)) return data;
    for (const value of Object.values(data).slice(0, 50)) {
        const found = find(value, is, depth - 1);
        if (found) return found;
    }
    return null;
};
const GEOJSON = /^(FeatureCollection|Feature|(Multi)?(Point|LineString|Polygon)|GeometryCollection)$/;
const isGeoJson = (value) => GEOJSON.test(value.type) && ["features", "geometry", "coordinates", "geometries"].some((key) => key in value);
const box = (given, data) => {
    const extent = find(data, (value) => ["xmin", "ymin", "xmax", "ymax"].every((key) => Number.isFinite(value[key])));
    const own = extent && [extent.xmin, extent.ymin, extent.xmax, extent.ymax];
    return [own, given?.bbox, data?.bbox].find(isBox) ?? null;
};

const table = (caption, head, rows) => {
    const copied = [head, ...rows].filter(Boolean).map((row) => row.join("\t")).join("\n");
    return node("section", {}, node("header", {}, node("h2", {}, caption), copyButton(copied)),
        node("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, node("table", {},
            head && node("thead", {}, node("tr", {}, ...head.map((cell) => node("th", { scope: "col" }, cell)))),
            node("tbody", {}, ...rows.map((row) => node("tr", {}, ...row.map((cell, i) =>
                head || i > 0 ? node("td", {}, cell) : node("th", { scope: "row" }, cell))))))));
};
const copyButton = (copied) => {
    const button = node("button", { type: "button" }, word("copy"));
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(copied);
        } catch {
            const area = node("textarea", { "aria-hidden": "true" });
            area.value = copied;
            document.body.append(area);
            area.select();
            document.execCommand("copy");
            area.remove();
            button.focus();
        }
        button.textContent = word("copied");
        setTimeout(() => { button.textContent = word("copy"); }, 2000);
    });
    return button;
};
const facts = (data) => Object.entries(data).filter(([, value]) => value !== null && value !== undefined).slice(0, MAX_ROWS)
    .map(([key, value]) => [cut(key), text(value)]);

/** Returns the platform's answer without its envelopes of `code`, `msg` and `data`. */
const answer = (data) => {
    let inner = data;
    while (inner && typeof inner === "object" && "code" in inner && inner.data !== undefined && inner.data !== null) inner = inner.data;
    return inner;
};

const taskOf = (data) => {
    if (!data || typeof data !== "object") return null;
    const id = data.dag_id ?? data.task_info?.dag_id ?? data.dag_ids?.[0];
    if (typeof id !== "string") return null;
    const status = data.final_status === "submitted" ? "submitted" : data.status ?? data.final_status ?? data.state;
    if (status === undefined) return null;
    const end = data.is_completed === true || data.is_failed === true
        || ["completed", "failed", "dag_created"].includes(data.final_status) || /^failed_at|^no_dag/.test(data.final_status ?? "")
        || END.test(data.status ?? "");
    return { id, status: String(status), end, failed: data.is_failed === true || /fail|no_dag|error/i.test(String(status)) };
};

const elapsed = () => {
    const seconds = Math.floor((Date.now() - state.started) / 1000);
    return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
};

function taskSection(data, task) {
    const list = Array.isArray(data.steps) ? data.steps.slice(0, 10) : [];
    const kind = task.failed ? "bad" : task.end ? "good" : "busy";
    return node("section", {},
        node("p", { class: `state ${kind}`, role: "status" }, node("span", { class: "dot", "aria-hidden": "true" }),
            node("strong", {}, cut(word(task.status)))),
        node("dl", {}, node("dt", {}, word("dag")), node("dd", { class: "mono" }, cut(task.id)),
            ...(task.end && !state.polled ? [] : [node("dt", {}, word("elapsed")), node("dd", { id: "elapsed" }, elapsed())])),
        list.length === 0 ? null : node("ol", { class: "steps", "aria-label": word("steps") }, ...list.map((step) =>
            node("li", { class: step?.success ? "good" : "bad" }, node("span", {}, cut(word(text(step?.name)))),
                node("small", {}, step?.success ? word("ok") : text(step?.result?.msg ?? word("failed")))))),
        data.next_step && !(state.task && task.end) ? node("p", { class: "note" }, text(data.next_step)) : null,
        state.failing ? node("p", { class: "note", role: "status" }, word("retry")) : null);
}

function render() {
    if (!state.result) {
        card.replaceChildren(node("p", { class: "quiet", role: "status" }, word(state.cancelled ? "cancelled" : "waiting")));
        return;
    }
    const { success, msg, data, operation, preview } = envelope(state.result);
    // What a poll found replaces what the call returned.
    const failed = state.task ? state.task.failed : success === false || state.result.isError === true;
    const parts = [node("header", { class: "top" }, node("h1", {}, cut(word(operation ?? "OGE"))),
        node("span", { class: `badge ${failed ? "bad" : "good"}` }, word(failed ? "failed" : "ok")))];
    if (failed && !state.task) parts.push(node("p", { class: "note", role: "alert" }, text(msg)));
    const task = state.task ?? taskOf(data);
    if (task) parts.push(taskSection(data ?? {}, task));
    const geojson = find(data, isGeoJson);
    const area = box(state.input, data);
    if (geojson) parts.push(...features(geojson));
    else if (area) parts.push(figure(area, null, ""));
    const inner = answer(data);
    if (typeof inner === "string" || typeof inner === "number") {
        parts.push(node("section", { class: "answer" }, node("header", {}, node("h2", {}, word("result")), copyButton(String(inner))),
            node("p", { class: "mono" }, text(inner))));
    } else if (inner && !geojson && !task) {
        parts.push(table(word("answer"), null, facts(inner)));
    } else if (preview && typeof preview === "object") {
        parts.push(node("p", { class: "note" }, word("kept")), table(word("answer"), null, facts(preview)));
    }
    card.replaceChildren(...parts);
}

const figure = (area, shapes, note) => {
    const size = kilometres(area).map((km) => km < 10 ? km.toFixed(1) : Math.round(km).toLocaleString("en"));
    const corners = area.map((degree) => Number(degree.toFixed(3))).join(", ");
    const caption = `${word("size")} ${size[0]} × ${size[1]} km  ·  ${corners}${note}`;
    return node("figure", {}, draw(area, shapes, `${word("map")} ${corners}`), node("figcaption", {}, node("span", {}, caption),
        node("small", {}, word("source"))));
};

const features = (geojson) => {
    const shapes = shapesOf(geojson);
    const note = `  ·  ${shapes.count.toLocaleString("en")} ${word("features")}${shapes.capped ? ` (${word("capped")})` : ""}`;
    const columns = [...new Set(shapes.rows.flatMap((row) => Object.keys(row).slice(0, MAX_COLUMNS)))].slice(0, MAX_COLUMNS);
    const rows = shapes.rows.map((row) => columns.map((column) => Object.hasOwn(row, column) ? text(row[column]) : ""));
    return [isBox(shapes.box) ? figure(shapes.box, shapes, note) : null,
        columns.length > 0 ? table(word("rows"), columns.map(cut), rows) : null].filter(Boolean);
};

/** Fails if a host does not answer within a minute. */
const soon = (answer) => Promise.race([answer, new Promise((_, reject) => { setTimeout(reject, CALL_LIMIT); })]);

/** Queries the task after a pause, unless it has ended or nobody looks. */
function follow() {
    clearTimeout(state.timer);
    const task = state.task ?? taskOf(envelope(state.result).data);
    if (!state.canCall || state.over || state.calling || document.hidden || !task || task.end) return;
    const { result } = state;
    state.timer = setTimeout(async () => {
        state.calling = true;
        let next = null;
        try {
            const { success, data } = envelope(await soon(callTool("query_task_status", { dag_id: task.id })));
            next = success ? taskOf(data) : null;
        } catch { /* The card says so, and asks again. */ }
        state.calling = false;
        if (state.over) return;
        // The host may have sent another result in the meantime.
        if (state.result === result) {
            Object.assign(state, { failing: next === null, polled: true, task: next ?? state.task });
            render();
        }
        follow();
    }, state.pause * 1000);
    state.pause = Math.min(state.pause * 1.5, MAX_PAUSE);
}

setInterval(() => {
    const shown = document.getElementById("elapsed");
    if (shown && !document.hidden && !state.task?.end) shown.textContent = elapsed();
}, 1000);
document.addEventListener("visibilitychange", follow);

setLanguage();
render();
connect({
    "tool-input": ({ arguments: given }) => { state.input = given ?? {}; render(); },
    "tool-result": (result) => {
        Object.assign(state, { result, task: null, started: Date.now(), pause: FIRST_PAUSE, polled: false, failing: false });
        render();
        follow();
    },
    "tool-cancelled": () => { state.cancelled = true; render(); },
    "host-context-changed": ({ theme, locale, styles }) => {
        if (theme) document.documentElement.dataset.theme = theme;
        if (locale) setLanguage(locale);
        if (styles?.variables?.["--font-sans"]) document.documentElement.style.setProperty("--font", styles.variables["--font-sans"]);
        render();
    },
    capabilities: ({ serverTools }) => { state.canCall = serverTools !== undefined; },
    teardown: () => { state.over = true; clearTimeout(state.timer); },
});
