"""moto's Step Functions interpreter, with Lambda and S3 at another address.

usage: moto_steps.py PORT ENDPOINT

Stock moto runs one execution, and calls its own Lambda and S3. This sets its interpreter free of both.
"""

import copy
import importlib
import pkgutil
import sys
import types

import boto3
from botocore.config import Config

import moto.core.config
import moto.server
import moto.stepfunctions.parser

port, endpoint = sys.argv[1:]
moto.core.config.default_user_config["stepfunctions"] = {"execute_state_machine": True}

for module in pkgutil.walk_packages(moto.stepfunctions.parser.__path__, "moto.stepfunctions.parser."):
    try:
        importlib.import_module(module.name)
    except Exception as e:  # what moto itself cannot import here it does not need
        print("left out:", module.name, e, file=sys.stderr)

original = sys.modules["moto.stepfunctions.parser.asl.utils.boto_client"].boto_client_for


def boto_client_for(region, service, state_credentials=None):
    """The interpreter's way to other services."""
    if service not in ("lambda", "s3"):
        return original(region, service, state_credentials)
    return boto3.client(
        service, region_name=region, aws_access_key_id="ak", aws_secret_access_key="sk", endpoint_url=endpoint,
        config=Config(parameter_validation=False, retries={"max_attempts": 0, "total_max_attempts": 1}, connect_timeout=5,
                      read_timeout=900, max_pool_connections=256, s3={"addressing_style": "path"}))


for name, module in list(sys.modules.items()):
    if name.startswith("moto.stepfunctions.parser") and hasattr(module, "boto_client_for"):
        module.boto_client_for = boto_client_for

# A deep copy of a running environment fails at its locks; the interpreter needs none.
sys.modules["moto.stepfunctions.parser.models"].copy = types.SimpleNamespace(deepcopy=copy.copy, copy=copy.copy)

moto.server.main(["-H", "127.0.0.1", "-p", port])
