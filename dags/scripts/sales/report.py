"""Prints the day's report as Markdown.

usage: report.py        $SALES, $DAY
"""

import os
import sqlite3

REGIONS = """
SELECT region, sum(orders), sum(cents) FROM daily_sales WHERE day = ? GROUP BY region ORDER BY 3 DESC
"""
PRODUCTS = """
SELECT product, sum(units), sum(cents) FROM daily_sales WHERE day = ? GROUP BY product ORDER BY 3 DESC LIMIT 3
"""


def table(name, count, rows):
    print(f"| {name:<10} | {count:>7} |    Revenue |\n|------------|--------:|-----------:|")
    for name, count, cents in rows:
        print(f"| {name:<10} | {count:>7,} | {cents / 100:>10,.2f} |")


day = os.environ["DAY"]
with sqlite3.connect(os.path.join(os.environ["SALES"], "warehouse.db"), timeout=60) as store:
    regions = store.execute(REGIONS, (day,)).fetchall()
    products = store.execute(PRODUCTS, (day,)).fetchall()

print(f"# Sales of {day}\n")
table("Region", "Orders", [*regions, ("all", sum(row[1] for row in regions), sum(row[2] for row in regions))])
print("\n## Top products\n")
table("Product", "Units", products)
