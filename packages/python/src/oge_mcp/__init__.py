"""The MCP server of the OGE tools: a WebAssembly component, and what starts it."""
