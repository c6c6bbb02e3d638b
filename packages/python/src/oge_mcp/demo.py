"""`oge-mcp demo`: one call through the component, against a mock platform, with an expired token."""

import json
import os
import tempfile
import threading

from oge_mcp.mock_platform import MockPlatform
from oge_mcp.session import Session

TOOL = "coverage_aspect_analysis"
# Mount Tai.
BBOX = [117.0, 36.18, 117.2, 36.33]


def demo() -> int:
    def tell(request: str, story: str) -> None:
        print(f"  {request:<18} {story}", flush=True)

    with MockPlatform(tell) as platform, tempfile.TemporaryDirectory() as directory:
        threading.Thread(target=platform.serve_forever, daemon=True).start()
        print(f"A mock platform listens on 127.0.0.1:{platform.server_port}. The server's token has expired.\n")
        print(f"The assistant calls {TOOL}, bbox {BBOX}:", flush=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OGE_")}
        environment |= platform.settings() | {"OGE_STATE_DIR": directory, "OGE_LOG": "off"}
        with Session(environment) as session:
            envelope = session.call(TOOL, {"bbox": BBOX})
        platform.shutdown()
    print(f"\n{envelope['msg']}")
    print(json.dumps(envelope["data"], ensure_ascii=False))
    if not envelope["success"]:
        return 1
    print("\nThe token was renewed and the request sent again; the assistant saw one result.")
    print("Next: oge-mcp init")
    return 0
