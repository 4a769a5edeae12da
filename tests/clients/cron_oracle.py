"""Says when cron expressions are due, by a library that knows nothing of Tieline: cronsim, which follows Debian's cron.

Reads lines of JSON, `{"expression", "after", "count"}`, and answers each with a list of instants; instants are seconds since 1970, UTC.
"""

import json
import sys
from datetime import datetime, timezone

from cronsim import CronSim

for line in sys.stdin:
    asked = json.loads(line)
    after = datetime.fromtimestamp(asked["after"], timezone.utc)
    instants = CronSim(asked["expression"], after)
    print(json.dumps([int(next(instants).timestamp()) for _ in range(asked["count"])]))
