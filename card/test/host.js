// A host for the tests: the official bridge, with the card in a sandboxed frame.
import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

window.open_card = async (html, hostContext) => {
    const frame = document.querySelector("iframe");
    const bridge = new AppBridge(null, { name: "test", version: "1" }, { serverTools: {} }, { hostContext });
    bridge.oncalltool = (params) => window.call_tool(params);
    const ready = new Promise((resolve) => { bridge.oninitialized = resolve; });
    bridge.onsizechange = ({ height }) => { frame.style.height = `${height}px`; };
    await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
    frame.srcdoc = html;
    await ready;
    window.bridge = bridge;
};
