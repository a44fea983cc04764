"""azure-iot-device over one transport: azure_iot_device.py mqtt|mqtt-ws"""

import base64
import os
import sys
from importlib.metadata import version

from azure.iot.device import (
    IoTHubDeviceClient,
    IoTHubModuleClient,
    Message,
    MethodResponse,
    X509,
)

from program import Absent, Inbox, serve

WEBSOCKETS = sys.argv[1] == "mqtt-ws"
# The SDK renews this long before a token expires.
RENEWAL_MARGIN_SECONDS = 120
AUTHORITY = open(os.environ["CA_FILE"]).read()

client = None
messages = methods = desired = None


def connect(connectionString, receive=False, renewAfterSeconds=None, **certificate):
    global client, messages, methods, desired
    messages, methods, desired = Inbox(), Inbox(), Inbox()
    options = {"websockets": WEBSOCKETS, "server_verification_cert": AUTHORITY}
    if renewAfterSeconds is not None:
        options["sastoken_ttl"] = RENEWAL_MARGIN_SECONDS + renewAfterSeconds
    client = new_client(connectionString, options, **certificate)
    client.connect()
    if receive:
        client.on_message_received = messages.put
    return {"tokenSeconds": options.get("sastoken_ttl")}


def new_client(connection_string, options, certificateFile=None, keyFile=None):
    module = "ModuleId=" in connection_string
    kind = IoTHubModuleClient if module else IoTHubDeviceClient
    if certificateFile is None:
        return kind.create_from_connection_string(connection_string, **options)
    fields = dict(each.split("=", 1) for each in connection_string.split(";"))
    return kind.create_from_x509_certificate(
        x509=X509(certificateFile, keyFile),
        hostname=fields["HostName"],
        device_id=fields["DeviceId"],
        **({"module_id": fields["ModuleId"]} if module else {}),
        **options,
    )


def next_message(settle):
    # Over MQTT the SDK acknowledges a message by itself.
    if settle != "complete":
        raise Absent(f"the SDK cannot {settle} a message")
    message = messages.take()
    return {
        "messageId": message.message_id,
        "correlationId": message.correlation_id,
        "contentType": message.content_type,
        "contentEncoding": message.content_encoding,
        "properties": message.custom_properties,
        "body": base64.b64encode(message.data).decode(),
    }


def answer_method(methodName, status, echo=False, payload=None):
    def on_request(request):
        methods.put(request.payload)
        answer = request.payload if echo else payload
        client.send_method_response(
            MethodResponse.create_from_method_request(request, status, answer)
        )

    client.on_method_request_received = on_request


def send_event(body, properties, messageId=None, correlationId=None, **system):
    message = Message(
        base64.b64decode(body),
        message_id=messageId,
        content_encoding=system.get("contentEncoding"),
        content_type=system.get("contentType"),
    )
    message.correlation_id = correlationId
    message.custom_properties.update(properties)
    client.send_message(message)


def follow_desired():
    client.on_twin_desired_properties_patch_received = desired.put


serve(
    {
        "version": lambda: version("azure-iot-device"),
        "connect": connect,
        "disconnect": lambda: client.shutdown(),
        "nextMessage": next_message,
        "answerMethod": answer_method,
        "nextMethod": lambda: methods.take(),
        "sendEvent": send_event,
        "getTwin": lambda: client.get_twin(),
        "followDesired": follow_desired,
        "nextDesired": lambda: desired.take(),
        "report": lambda patch: client.patch_twin_reported_properties(patch),
    }
)
