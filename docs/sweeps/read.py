#!/usr/bin/env python3
"""Reads the data set of a sweep: share of each verdict for each value of an axis, the mean goodput, and
the latency of all bytes, with pandas, polars and DuckDB.

    python3 read.py results/loss axis_scheduler
"""

import sys

folder, axis = sys.argv[1], sys.argv[2]


def with_pandas():
    import pandas as pd

    connections = pd.read_parquet(f"{folder}/connections.parquet")
    shares = connections.groupby(axis).verdict.value_counts(normalize=True)
    goodput = connections.groupby(axis).goodput_mbps.mean()
    return shares, goodput


def with_polars():
    import polars as pl

    connections = pl.read_parquet(f"{folder}/connections.parquet")
    return connections.group_by(axis).agg(
        pl.len().alias("connections"),
        (pl.col("verdict") == "mptcp").mean().alias("mptcp"),
        pl.col("goodput_mbps").mean(),
    ).sort(axis)


def with_duckdb():
    import duckdb

    # Which subflows were refused, and why, of which runs: tables share the columns run, point, seed
    # and the axes.
    return duckdb.sql(f"""
        SELECT c.{axis}, count(*) AS connections, avg(c.goodput_mbps) AS goodput_mbps,
               sum(s.retransmissions) AS retransmissions
        FROM '{folder}/connections.parquet' c
        JOIN (SELECT run, connection, sum(retransmissions) AS retransmissions
              FROM '{folder}/subflows.parquet' GROUP BY ALL) s USING (run, connection)
        GROUP BY ALL ORDER BY ALL
    """)


def without_parquet():
    import duckdb

    return duckdb.sql(f"""
        SELECT point, count(*) AS runs, avg(simulated_s) AS simulated_s
        FROM read_json('{folder}/runs.jsonl') GROUP BY point ORDER BY point
    """)


for read in (with_pandas, with_polars, with_duckdb, without_parquet):
    try:
        result = read()
    except ModuleNotFoundError as error:
        print(f"{read.__name__}: skipped, {error}")
        continue
    print(f"{read.__name__}:")
    for part in result if isinstance(result, tuple) else (result,):
        print(part)
