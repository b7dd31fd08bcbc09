"""A batch by boto3 alone: creates the state machine, starts it, waits, and reads histories.

usage: boto3_batch.py DEFINITION INPUT
"""

import json
import pathlib
import sys
import time

import boto3

definition, given = (pathlib.Path(p).read_text() for p in sys.argv[1:])
steps = boto3.client("stepfunctions")
machine = steps.create_state_machine(name="batch", definition=definition, roleArn="arn:aws:iam::000000000000:role/batch")["stateMachineArn"]
execution = steps.start_execution(stateMachineArn=machine, name="boto3", input=given)["executionArn"]
while (state := steps.describe_execution(executionArn=execution))["status"] == "RUNNING":
    time.sleep(0.2)

events = [e for page in steps.get_paginator("get_execution_history").paginate(executionArn=execution) for e in page["events"]]
assert [e["id"] for e in events] == list(range(1, len(events) + 1)), events
assert events[0]["type"] == "ExecutionStarted" and events[-1]["type"] == "ExecutionSucceeded", events
assert json.loads(state["output"])["blocks_done"] == 5, state

run = steps.list_map_runs(executionArn=execution)["mapRuns"][0]["mapRunArn"]
counts = steps.describe_map_run(mapRunArn=run)["itemCounts"]
children = [c for page in steps.get_paginator("list_executions").paginate(mapRunArn=run) for c in page["executions"]]
assert len(children) == counts["total"] and all(c["status"] == "SUCCEEDED" for c in children), children
print(state["status"], counts["succeeded"], "of", counts["total"])
