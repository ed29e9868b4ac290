"""Makes the raw orders of one region, as a shop's export would look: mostly clean, not quite.

usage: fetch.py REGION        $SALES, $DAY -> a CSV file; the same region and day give the same orders
"""

import csv
import os
import random
import sys
from pathlib import Path

PRODUCTS = {"tea": 4.90, "coffee": 7.50, "honey": 6.20, "olive oil": 11.80, "rice": 3.40, "saffron": 19.00}
ORDERS = {"eu": 420, "us": 360, "apac": 240}
ONE_IN_SO_MANY_IS_BROKEN = 40

region, day = sys.argv[1], os.environ["DAY"]
dice = random.Random(f"{region} {day}")
rows = []
for number in range(1, ORDERS[region] + dice.randrange(60)):
    product = dice.choice(list(PRODUCTS))
    quantity, price = str(dice.randint(1, 9)), f"{PRODUCTS[product]:.2f}"
    if dice.randrange(ONE_IN_SO_MANY_IS_BROKEN) == 0:
        quantity, price = dice.choice([("", price), ("-3", price), (quantity, "n/a")])
    at = f"{day}T{dice.randrange(24):02}:{dice.randrange(60):02}:00Z"
    rows.append([f"{region}-{day}-{number}", at, product, quantity, price])

path = Path(os.environ["SALES"], "raw", day, f"{region}.csv")
with open(path, "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["order_id", "ordered_at", "product", "quantity", "unit_price"])
    out.writerows(rows)

print(f"{len(rows)} orders in {path}")
with open(os.environ["NIGHTRUN_OUTPUT"], "a") as outputs:
    outputs.write(f"file={path}\nrows:={len(rows)}\n")
