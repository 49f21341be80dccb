"""Gives the tour's server a past: its tokens are some months old, and its proxies have told of a day of requests.

    past.py DATA_FOLDER

The tour makes everything by the pages and REST, and its own requests are real; but a server that was started a minute ago has
nothing to show of yesterday. This writes what only time would: into the database in DATA_FOLDER, while the server runs.
"""
import math
import sqlite3
import sys
import time

HOUR, DAY = 3600, 86400
# Of each decision: how many there are in the busiest hour, and how far up the night's part is.
DECISIONS = {
    "allow.token": (5200, 0.35),
    "refuse.credentials_unknown": (210, 0.1),
    "refuse.token_expired": (95, 0.8),
    "refuse.ip_not_allowed": (60, 0.2),
    "refuse.password_refused": (120, 0.05),
    "refuse.scope_exceeded": (25, 0.3),
}


def busy(at: int, night: float) -> float:
    """How busy the hour of `at` is, from `night` to 1: people come in the morning, and are gone in the evening."""
    hour = at % DAY / HOUR
    day = max(0.0, math.sin((hour - 5) / 15 * math.pi)) if 5 < hour < 20 else 0.0
    return night + (1 - night) * day


def jitter(*of: int) -> float:
    """Between 0.8 and 1.2, the same in each run."""
    value = 0
    for number in of:
        value = (value * 31 + number) * 2654435761 % 2**32
    return 0.8 + 0.4 * value / 2**32


def decisions(now: int):
    """Rows of `decision_counts` of the day before now, by the minute, and of the weeks before that, by the hour."""
    for place, (decision, (most, night)) in enumerate(DECISIONS.items()):
        for minute in range(2, 24 * 60):
            at = now - now % 60 - minute * 60
            # Somebody's old script ran all morning, until it was told apart.
            burst = 6 if decision == "refuse.credentials_unknown" and 200 < minute < 260 else 1
            count = round(most / 60 * busy(at, night) * jitter(place, at // 900, minute) * burst)
            if count:
                yield 60, at, decision, count
        for hour in range(25, 24 * 30):
            at = now - now % HOUR - hour * HOUR
            weekend = 0.3 if at // DAY % 7 in (2, 3) else 1
            count = round(most * weekend * busy(at, night) * jitter(place, at // HOUR))
            if count:
                yield HOUR, at, decision, count


def main() -> None:
    database = sqlite3.connect(f"{sys.argv[1]}/gatepass.db", timeout=60, isolation_level=None)
    now = int(time.time())
    database.execute("BEGIN IMMEDIATE")
    database.executemany("INSERT OR IGNORE INTO decision_counts (seconds, at, decision, requests) VALUES (?, ?, ?, ?)", decisions(now))
    tokens = database.execute("SELECT number FROM tokens ORDER BY number").fetchall()
    for place, (number,) in enumerate(tokens):
        age = round((len(tokens) - place) ** 1.6 * 1.3 * DAY * jitter(place)) + 40 * 60
        database.execute("UPDATE tokens SET created_at = ? WHERE number = ?", (now - age, number))
        # Used today, or some days ago; those that were never used stay so.
        ago = round(180 * (1 + place % 5) ** 3.6 * jitter(place, 7))
        database.execute("UPDATE token_uses SET used_at = ? WHERE number = ? AND used_at > 0", (now - min(ago, age - HOUR // 2), number))
    database.execute("COMMIT")


main()
