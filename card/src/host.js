// The messages of MCP Apps between the card and its host.

const PROTOCOL = "2026-01-26";
const waiting = new Map();
let last = 0;

const send = (message) => parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
export const notify = (method, params = {}) => send({ method, params });
export const request = (method, params) => new Promise((resolve, reject) => {
    const id = ++last;
    waiting.set(id, { resolve, reject });
    send({ id, method, params });
});

/** Calls a tool through the host. */
export const callTool = (name, args) => request("tools/call", { name, arguments: args });

/** Connects to the host. `on` has a function for each notification. */
export async function connect(on) {
    addEventListener("message", ({ source, data }) => {
        if (source !== parent || data?.jsonrpc !== "2.0") return;
        if (data.method === undefined) {
            const { resolve, reject } = waiting.get(data.id) ?? {};
            waiting.delete(data.id);
            if (data.error) reject?.(new Error(data.error.message));
            else resolve?.(data.result);
        } else if (data.id === undefined) {
            on[data.method.replace("ui/notifications/", "")]?.(data.params ?? {});
        } else if (data.method === "ui/resource-teardown" || data.method === "ping") {
            if (data.method !== "ping") on.teardown();
            send({ id: data.id, result: {} });
        } else {
            send({ id: data.id, error: { code: -32601, message: "method not found" } });
        }
    });
    const { hostContext, hostCapabilities } = await request("ui/initialize", {
        appInfo: { name: "oge-card", version: "1" },
        appCapabilities: { availableDisplayModes: ["inline"] },
        protocolVersion: PROTOCOL,
    });
    on["host-context-changed"](hostContext ?? {});
    on.capabilities(hostCapabilities ?? {});
    notify("ui/notifications/initialized");
    const report = () => notify("ui/notifications/size-changed", {
        width: document.documentElement.scrollWidth,
        height: Math.ceil(document.body.getBoundingClientRect().height),
    });
    new ResizeObserver(report).observe(document.body);
}
