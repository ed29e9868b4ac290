"""Loads one region's raw orders into the warehouse, in place of what was there for that region and day.

usage: load.py REGION FILE        $SALES, $DAY -> tables `orders` and `rejected`
"""

import csv
import os
import sqlite3
import sys

TABLES = [
    """CREATE TABLE IF NOT EXISTS orders
       (order_id TEXT PRIMARY KEY, region TEXT, day TEXT, product TEXT, quantity INTEGER, cents INTEGER)""",
    """CREATE TABLE IF NOT EXISTS rejected
       (order_id TEXT PRIMARY KEY, region TEXT, day TEXT, why TEXT)""",
]


def read(row):
    """Quantity and price in cents; a `ValueError` says what is wrong with the row."""
    quantity, cents = int(row["quantity"]), round(float(row["unit_price"]) * 100)
    if quantity < 1:
        raise ValueError(f"a quantity of {quantity}")
    return quantity, cents


(region, path), day = sys.argv[1:], os.environ["DAY"]
orders, rejected = [], []
with open(path, newline="") as file:
    for row in csv.DictReader(file):
        try:
            orders.append((row["order_id"], region, day, row["product"], *read(row)))
        except ValueError as fault:
            rejected.append((row["order_id"], region, day, str(fault)))

# Other regions load at the same time: whoever comes second waits, and either all of it is there or nothing.
store = sqlite3.connect(os.path.join(os.environ["SALES"], "warehouse.db"), timeout=60, isolation_level=None)
store.execute("BEGIN IMMEDIATE")
for table in TABLES:
    store.execute(table)
for table in ("orders", "rejected"):
    store.execute(f"DELETE FROM {table} WHERE region = ? AND day = ?", (region, day))
store.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", orders)
store.executemany("INSERT INTO rejected VALUES (?, ?, ?, ?)", rejected)
store.execute("COMMIT")

print(f"{len(orders)} orders loaded, {len(rejected)} rejected")
with open(os.environ["NIGHTRUN_OUTPUT"], "a") as outputs:
    outputs.write(f"loaded:={len(orders)}\nrejected:={len(rejected)}\n")
