import sys

from oge_mcp.cli import main

sys.exit(main())
