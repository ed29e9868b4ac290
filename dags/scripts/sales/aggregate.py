"""Sums the day's orders up by region and product.

usage: aggregate.py        $SALES, $DAY -> table `daily_sales`
"""

import os
import sqlite3

TABLE = """
CREATE TABLE IF NOT EXISTS daily_sales
  (day TEXT, region TEXT, product TEXT, orders INTEGER, units INTEGER, cents INTEGER,
   PRIMARY KEY (day, region, product))
"""
SUMS = """
INSERT INTO daily_sales
SELECT day, region, product, count(*), sum(quantity), sum(quantity * cents)
FROM orders WHERE day = ? GROUP BY day, region, product
"""

day = os.environ["DAY"]
with sqlite3.connect(os.path.join(os.environ["SALES"], "warehouse.db"), timeout=60) as store:
    store.execute(TABLE)
    store.execute("DELETE FROM daily_sales WHERE day = ?", (day,))
    print(store.execute(SUMS, (day,)).rowcount, "sums")
