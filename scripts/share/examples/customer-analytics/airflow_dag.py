"""Customer analytics as an Airflow DAG of the same steps that make runs.

Airflow decides when; each step is one command, whose exit code says what
became of it. A task that is cleared and runs again finds its step done, or
loads the same day again with the same result.
"""

import os
from datetime import datetime

from airflow import DAG

try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:  # Airflow 2
    from airflow.operators.bash import BashOperator

HOME = os.environ.get(
    "CUSTOMER_ANALYTICS", "/srv/pipeutils/customer-analytics"
)


def step(name, command=None, **options):
    """A step of the day that the DAG run is for."""
    return BashOperator(
        task_id=name,
        cwd=HOME,
        # The blank keeps Airflow from taking it for a template's file name.
        bash_command=(command or f"./step {name}") + " ",
        env={"PIPE_DATE": "{{ ds }}", "PIPE_ON_UNKNOWN": "refuse"},
        append_env=True,
        skip_on_exit_code=99,
        **options,
    )


with DAG(
    dag_id="customer_analytics",
    schedule="15 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=2,
    # The steps try again what is worth it; Airflow cannot tell 75 from 65.
    default_args={"retries": 0},
    tags=["pipeutils"],
) as dag:
    orders = step("orders")
    tickets = step("tickets")
    customers = step("customers")
    verify = step("verify")
    # A branch on a count: 99 skips the task.
    escalate = step(
        "escalate",
        "pipe-wait --once -q \"${WAREHOUSE:-sqlite:warehouse.db}\" --query "
        "\"SELECT count(*) FROM tickets WHERE day = '{date}' "
        "AND priority = 'urgent'\" || exit 99; ./step escalate",
    )
    notify = step("notify", trigger_rule="none_failed")
    # The other branch, where a gate of one of them failed.
    hold = [
        step(
            f"hold_{source}",
            f"SOURCE={source} ./step hold",
            trigger_rule="all_failed",
        )
        for source in ("orders", "tickets")
    ]

    [orders, tickets] >> customers >> verify >> escalate >> notify
    verify >> notify
    orders >> hold[0]
    tickets >> hold[1]
