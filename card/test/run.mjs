// Tests the card in Chromium, with the official bridge as its host, against an MCP server: URL, and the name of the
// variable with the bearer. `OGE_CARD_IMAGES` is a folder for screenshots.
import assert from "node:assert/strict";
import { build } from "esbuild";
import puppeteer from "puppeteer-core";

const [url, bearerName] = process.argv.slice(2);
const URI = "ui://oge/card.html";
let id = 0;
const ask = async (method, params) => {
    const response = await fetch(url, {
        method: "POST",
        headers: {
            ...bearerName ? { authorization: `Bearer ${process.env[bearerName]}` } : {},
            "content-type": "application/json", accept: "application/json, text/event-stream",
            "mcp-protocol-version": "2025-11-25",
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }),
    });
    const { result, error } = JSON.parse((await response.text()).replace(/^[^{]*data: ?/s, ""));
    if (error) throw new Error(error.message);
    return result;
};
const call = (name, args) => ask("tools/call", { name, arguments: args });

const { tools } = await ask("tools/list", {});
assert(tools.every((tool) => tool._meta.ui.resourceUri === URI));
const { resources } = await ask("resources/list", {});
assert.equal(resources.find(({ uri }) => uri === URI).mimeType, "text/html;profile=mcp-app");
const { contents: [{ text: html, mimeType }] } = await ask("resources/read", { uri: URI });
assert.equal(mimeType, "text/html;profile=mcp-app");
assert(Buffer.byteLength(html) <= 80 * 1024);

const host = await build({
    entryPoints: [new URL("host.js", import.meta.url).pathname], bundle: true, format: "iife", write: false,
});
const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server", "--host-resolver-rules=MAP * 127.0.0.1"],
});

/** Opens the card with a result and returns its frame. `answers` has the host's answer to each call of a tool. */
const show = async (context, args, result, answers = []) => {
    const page = await browser.newPage();
    await page.setViewport({ width: 720, height: 900, deviceScaleFactor: 1 });
    const calls = [], requests = [];
    page.on("request", (request) => { if (/^(https?|wss?):/.test(request.url())) requests.push(request.url()); });
    await page.exposeFunction("call_tool", async (params) => {
        calls.push(params);
        const answer = answers[Math.min(calls.length, answers.length) - 1];
        if (answer instanceof Error) throw answer;
        return answer ?? call(params.name, params.arguments);
    });
    await page.setContent("<style>body{margin:0}iframe{border:0;width:100%;height:200px}</style><iframe sandbox='allow-scripts'></iframe>");
    await page.addScriptTag({ content: host.outputFiles[0].text });
    await page.evaluate((html, context) => window.open_card(html, context), html, context);
    await page.evaluate((args, result) => {
        window.bridge.sendToolInput({ arguments: args });
        return window.bridge.sendToolResult(result);
    }, args, result);
    const frame = page.frames().find((frame) => frame !== page.mainFrame());
    const until = (check, ...args) => frame.waitForFunction(check, { timeout: 20000 }, ...args);
    await until(() => document.querySelector("h1"));
    return { page, frame, calls, requests, until, text: () => frame.evaluate(() => document.body.innerText) };
};
const shot = async (name, { page }) => {
    if (!process.env.OGE_CARD_IMAGES) return;
    await new Promise((resolve) => setTimeout(resolve, 300));
    await (await page.$("iframe")).screenshot({ path: `${process.env.OGE_CARD_IMAGES}/${name}.png` });
};
const envelope = (data) => ({ content: [{ type: "text", text: JSON.stringify({ success: true, msg: "", data, operation: "大数据查询" }) }] });
const light = { theme: "light", locale: "en-GB" }, dark = { theme: "dark", locale: "zh-CN" };

const tests = {
    async "a coverage is on the map, in both themes and languages"() {
        const bbox = [114, 30.4, 114.6, 30.8];
        const result = await call("coverage_aspect_analysis", { bbox });
        for (const [name, context] of [["coverage-light-en", light], ["coverage-dark-zh", dark]]) {
            const card = await show(context, { bbox }, result);
            await card.until(() => document.querySelector("svg .box"));
            assert.match(await card.text(), context === light ? /Extent 57 × 45 km/ : /范围 57 × 45 km/);
            assert.match(await card.text(), /16655176961743019/);
            assert.deepEqual(card.requests, []);
            await shot(name, card);
        }
    },
    async "a task is polled after a failing call until it ends"() {
        const status = (status, end) => ({ ...envelope({ dag_id: "d1", status, is_completed: end, is_failed: false }) });
        const card = await show(light, {}, status("running", false), [new Error("network"), status("running", false), status("success", true)]);
        await card.until(() => document.body.innerText.includes("trying again"));
        await card.until(() => document.body.innerText.includes("Completed"));
        assert.equal(card.calls.length, 3);
        assert.deepEqual(card.calls[0], { name: "query_task_status", arguments: { dag_id: "d1" } });
        await new Promise((resolve) => setTimeout(resolve, 7000));
        assert.equal(card.calls.length, 3);
    },
    async "a hidden card does not poll"() {
        const running = envelope({ dag_id: "d1", status: "running", is_completed: false, is_failed: false });
        const card = await show(light, {}, running, [running]);
        const hide = (hidden) => card.frame.evaluate((hidden) => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
            document.dispatchEvent(new Event("visibilitychange"));
        }, hidden);
        await hide(true);
        await new Promise((resolve) => setTimeout(resolve, 4000));
        assert.equal(card.calls.length, 0);
        await hide(false);
        for (let i = 0; card.calls.length === 0 && i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 100));
        assert.equal(card.calls.length, 1);
    },
    async "a late answer is not shown for a newer result"() {
        const status = (id, status, end) => envelope({ dag_id: id, status, is_completed: end, is_failed: false });
        let answer;
        const late = new Promise((resolve) => { answer = resolve; });
        const card = await show(light, {}, status("d1", "running", false), [late]);
        for (let i = 0; card.calls.length === 0 && i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 100));
        assert.equal(card.calls.length, 1);
        await card.page.evaluate((result) => window.bridge.sendToolResult(result), status("d2", "starting", false));
        answer(status("d1", "success", true));
        for (let i = 0; card.calls.length === 1 && i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 100));
        assert.equal(card.calls[1]?.arguments.dag_id, "d2");
    },
    async "the server answers the card's calls"() {
        const workflow = await call("execute_dag_workflow", { code: "import oge" });
        const card = await show(dark, {}, workflow);
        await shot("workflow-dark-zh", card);
        await card.until(() => document.querySelectorAll(".steps li").length >= 2);
        const before = card.calls.length;
        await card.until(() => document.querySelector("#elapsed"));
        for (let i = 0; card.calls.length === before && i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 100));
        assert(card.calls.length > before);
    },
    async "features are drawn, and their properties shown"() {
        const features = Array.from({ length: 30 }, (_, i) => ({
            type: "Feature", properties: { name: `站 ${i}`, value: i * 1.5 },
            geometry: { type: "Point", coordinates: [108 + (i * 7 % 30) / 5, 29 + (i * 11 % 30) / 8] },
        }));
        const card = await show(light, {}, envelope({ code: 20000, data: { type: "FeatureCollection", features } }));
        assert.equal(await card.frame.evaluate(() => document.querySelectorAll("tbody tr").length), 20);
        await shot("query-light-en", card);
    },
    async "a hundred thousand points do not hang the card"() {
        const coordinates = Array.from({ length: 100000 }, (_, i) => [100 + i % 100 / 10, 30 + i % 77 / 10]);
        const began = Date.now();
        const card = await show(light, {}, envelope({ type: "LineString", coordinates }));
        await card.until(() => document.body.innerText.includes("only the first 20,000 points"));
        assert(Date.now() - began < 15000);
    },
    async "hostile answers are text"() {
        const bad = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>";
        const row = { [bad]: bad, __proto__: null, constructor: bad };
        for (const data of [bad, { [bad]: bad }, { dag_id: bad, status: bad, steps: [{ name: bad, result: { msg: bad } }, null] },
            { type: "Feature", properties: row, geometry: { type: "constructor", coordinates: bad } },
            { type: "FeatureCollection", features: [null, 1, { type: "Feature", geometry: { type: "Polygon", coordinates: [[null, ["a", {}]], 7] } }] }]) {
            const card = await show(light, { bbox: bad }, envelope(data));
            assert.equal(await card.frame.evaluate(() => document.querySelectorAll("img, main script").length), 0);
            assert.equal(await card.frame.title(), "OGE");
            assert.deepEqual(card.requests, []);
        }
    },
};

try {
    for (const [name, test] of Object.entries(tests)) {
        await test();
        console.log(`passed: ${name}`);
    }
} finally {
    await browser.close();
}
