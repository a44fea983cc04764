"""azure-iot-hub: azure_iot_hub.py amqp|amqp-ws (what has a REST route goes over HTTPS with either)"""

import base64
import os
import sys
from importlib.metadata import version

# Both uamqp and requests trust what certifi names, and offer the SDK's user no other place.
import certifi

certifi.where = lambda: os.environ["CA_FILE"]
os.environ["REQUESTS_CA_BUNDLE"] = os.environ["CA_FILE"]

from azure.iot.hub import IoTHubRegistryManager  # noqa: E402
from azure.iot.hub.models import (  # noqa: E402
    CloudToDeviceMethod,
    ExportImportDevice,
    QuerySpecification,
    Twin,
    TwinProperties,
)
from uamqp import TransportType  # noqa: E402

from program import serve  # noqa: E402

TRANSPORT = {"amqp": TransportType.Amqp, "amqp-ws": TransportType.AmqpOverWebsocket}[sys.argv[1]]

registry = None


def connect(connectionString):
    global registry
    registry = IoTHubRegistryManager.from_connection_string(connectionString, TRANSPORT)


def send(deviceId, body, properties, expiresAtMs=None, ack=None, **system):
    settings = {**properties, **system}
    if expiresAtMs is not None:
        settings["expiryTimeUtc"] = expiresAtMs
    if ack is not None:
        settings["iothub-ack"] = ack
    registry.send_c2d_message(deviceId, base64.b64decode(body), settings)


def invoke_method(
    deviceId, methodName, payload, responseTimeoutInSeconds, connectTimeoutInSeconds, moduleId=None
):
    call = CloudToDeviceMethod(
        method_name=methodName,
        payload=payload,
        response_timeout_in_seconds=responseTimeoutInSeconds,
        connect_timeout_in_seconds=connectTimeoutInSeconds,
    )
    if moduleId is None:
        result = registry.invoke_device_method(deviceId, call)
    else:
        result = registry.invoke_device_module_method(deviceId, moduleId, call)
    return {"status": result.status, "payload": result.payload}


def plain_device(device):
    keys = device.authentication.symmetric_key
    return {
        "deviceId": device.device_id,
        "status": device.status,
        "primaryKey": keys.primary_key,
        "secondaryKey": keys.secondary_key,
    }


def create_device(deviceId, status, primaryKey, secondaryKey):
    return plain_device(
        registry.create_device_with_sas(deviceId, primaryKey, secondaryKey, status)
    )


def update_device(deviceId, status, primaryKey, secondaryKey):
    return plain_device(
        registry.update_device_with_sas(deviceId, None, primaryKey, secondaryKey, status)
    )


def bulk(deviceIds, import_mode):
    result = registry.bulk_create_or_update_devices(
        [ExportImportDevice(id=each, import_mode=import_mode) for each in deviceIds]
    )
    return {
        "isSuccessful": result.is_successful,
        "failed": [each.device_id for each in result.errors],
    }


def query(query, pageSize):
    pages = []
    continuation = None
    while True:
        page = registry.query_iot_hub(QuerySpecification(query=query), continuation, pageSize)
        pages.append([twin.device_id for twin in page.items])
        continuation = page.continuation_token
        if not continuation:
            return pages


def plain_twin(twin):
    return {
        "tags": twin.tags,
        "desired": twin.properties.desired,
        "reported": twin.properties.reported,
        "etag": twin.etag,
    }


def patch_twin(deviceId, tags, desired, etag):
    patch = Twin(tags=tags, properties=TwinProperties(desired=desired))
    return plain_twin(registry.update_twin(deviceId, patch, etag))


def create_module(deviceId, moduleId):
    registry.create_module_with_sas(deviceId, moduleId, "", "", "")


serve(
    {
        "version": lambda: version("azure-iot-hub"),
        "connect": connect,
        "disconnect": lambda: None,
        "noticeLoss": lambda: None,
        "send": send,
        "purge": lambda deviceId: (
            registry.protocol.cloud_to_device_messages.purge_cloud_to_device_message_queue(
                deviceId
            ).total_messages_purged
        ),
        "invokeMethod": invoke_method,
        "createDevice": create_device,
        "getDevice": lambda deviceId: plain_device(registry.get_device(deviceId)),
        "updateDevice": update_device,
        "deleteDevice": lambda deviceId: registry.delete_device(deviceId),
        "listDevices": lambda: [device.device_id for device in registry.get_devices(1000)],
        "addDevices": lambda deviceIds: bulk(deviceIds, "create"),
        "removeDevices": lambda deviceIds: bulk(deviceIds, "delete"),
        "statistics": lambda: registry.get_device_registry_statistics().total_device_count,
        "query": query,
        "createModule": create_module,
        "getModule": lambda deviceId, moduleId: registry.get_module(deviceId, moduleId).module_id,
        "listModules": lambda deviceId: [
            module.module_id for module in registry.get_modules(deviceId)
        ],
        "deleteModule": lambda deviceId, moduleId: registry.delete_module(deviceId, moduleId),
        "getTwin": lambda deviceId: plain_twin(registry.get_twin(deviceId)),
        "patchTwin": patch_twin,
    }
)
