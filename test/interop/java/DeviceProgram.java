import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.microsoft.azure.sdk.iot.device.ClientOptions;
import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.InternalClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.IotHubMessageResult;
import com.microsoft.azure.sdk.iot.device.Message;
import com.microsoft.azure.sdk.iot.device.MessageProperty;
import com.microsoft.azure.sdk.iot.device.ModuleClient;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.device.twin.Twin;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;
import com.microsoft.azure.sdk.iot.device.exceptions.IotHubClientException;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;

/** iot-device-client over one transport: DeviceProgram mqtt|mqtt-ws|amqp|amqp-ws|http */
public final class DeviceProgram {
    private static final Map<String, IotHubClientProtocol> PROTOCOLS =
            Map.of(
                    "mqtt", IotHubClientProtocol.MQTT,
                    "mqtt-ws", IotHubClientProtocol.MQTT_WS,
                    "amqp", IotHubClientProtocol.AMQPS,
                    "amqp-ws", IotHubClientProtocol.AMQPS_WS,
                    "http", IotHubClientProtocol.HTTPS);
    /** The SDK renews a token when this part of its time is over. */
    private static final double RENEWAL_PART = 0.85;

    private static final int ANSWER_MS = 1000;
    private static final int TRIALS = 6;

    private static String transport;
    private static InternalClient client;
    private static Program.Inbox<Message> messages;
    private static SynchronousQueue<IotHubMessageResult> results;
    private static Program.Inbox<JsonElement> methods;
    private static Program.Inbox<JsonElement> desired;
    private static boolean following;

    public static void main(String[] arguments) throws Exception {
        transport = arguments[0];
        Program.trust(System.getenv("CA_FILE"));
        Map<String, Program.Verb> verbs = new HashMap<>();
        verbs.put("version", parameters -> Program.versionOf(DeviceClient.class));
        verbs.put("connect", DeviceProgram::connect);
        verbs.put("disconnect", parameters -> {
            client.close();
            return null;
        });
        verbs.put("nextMessage", DeviceProgram::nextMessage);
        verbs.put("answerMethod", DeviceProgram::answerMethod);
        verbs.put("nextMethod", parameters -> methods.take());
        verbs.put("sendEvent", DeviceProgram::sendEvent);
        verbs.put("getTwin", DeviceProgram::getTwin);
        verbs.put("followDesired", DeviceProgram::followDesired);
        verbs.put("nextDesired", parameters -> desired.take());
        verbs.put("report", DeviceProgram::report);
        Program.serve(verbs);
    }

    private static Object connect(JsonObject parameters) throws Exception {
        messages = new Program.Inbox<>();
        results = new SynchronousQueue<>();
        methods = new Program.Inbox<>();
        desired = new Program.Inbox<>();
        following = false;
        ClientOptions.ClientOptionsBuilder options = ClientOptions.builder();
        Map<String, Object> answer = new HashMap<>();
        if (parameters.has("renewAfterSeconds")) {
            long seconds = Math.round(parameters.get("renewAfterSeconds").getAsInt() / RENEWAL_PART);
            options.sasTokenExpiryTime(seconds);
            answer.put("tokenSeconds", seconds);
        }
        client = newClient(Program.text(parameters, "connectionString"), options.build());
        client.open(false);
        return answer;
    }

    private static InternalClient newClient(String connectionString, ClientOptions options)
            throws Exception {
        IotHubClientProtocol protocol = PROTOCOLS.get(transport);
        if (connectionString.contains("ModuleId=")) {
            ModuleClient module = new ModuleClient(connectionString, protocol, options);
            module.setMessageCallback((message, context) -> settle(message), null);
            return module;
        }
        DeviceClient device = new DeviceClient(connectionString, protocol, options);
        device.setMessageCallback((message, context) -> settle(message), null);
        return device;
    }

    /** The SDK wants to be told at once what becomes of a message: it is whoever asks for it who says so. */
    private static IotHubMessageResult settle(Message message) {
        messages.put(message);
        try {
            IotHubMessageResult result = results.poll(30, TimeUnit.SECONDS);
            return result == null ? IotHubMessageResult.ABANDON : result;
        } catch (InterruptedException interrupted) {
            return IotHubMessageResult.ABANDON;
        }
    }

    private static Object nextMessage(JsonObject parameters) throws Exception {
        String settle = Program.text(parameters, "settle");
        if (transport.startsWith("mqtt") && !settle.equals("complete"))
            throw new Program.Absent("over MQTT the SDK cannot " + settle + " a message");
        Message message = messages.take();
        results.put(IotHubMessageResult.valueOf(settle.toUpperCase()));
        Map<String, String> properties = new HashMap<>();
        for (MessageProperty property : message.getProperties()) {
            // The SDK puts some of the message's own properties among the application's.
            if (!property.getName().startsWith("iothub-app-"))
                properties.put(property.getName(), property.getValue());
        }
        Map<String, Object> plain = new HashMap<>();
        plain.put("messageId", message.getMessageId());
        plain.put("correlationId", message.getCorrelationId());
        plain.put("contentType", message.getContentType());
        plain.put("contentEncoding", message.getContentEncoding());
        plain.put("properties", properties);
        plain.put("body", Base64.getEncoder().encodeToString(message.getBytes()));
        return plain;
    }

    private static Object answerMethod(JsonObject parameters) throws Exception {
        refuseHttp("direct methods");
        int status = parameters.get("status").getAsInt();
        boolean echo = Program.flag(parameters, "echo");
        client.subscribeToMethods(
                (name, payload, context) -> {
                    methods.put(payload.getPayloadAsJsonElement());
                    return new DirectMethodResponse(
                            status, echo ? payload.getPayloadAsJsonElement() : parameters.get("payload"));
                },
                null);
        return null;
    }

    private static Object sendEvent(JsonObject parameters) throws Exception {
        Message message =
                new Message(Base64.getDecoder().decode(Program.text(parameters, "body")));
        String messageId = Program.text(parameters, "messageId");
        if (messageId != null) message.setMessageId(messageId);
        String correlationId = Program.text(parameters, "correlationId");
        if (correlationId != null) message.setCorrelationId(correlationId);
        String contentType = Program.text(parameters, "contentType");
        if (contentType != null) message.setContentType(contentType);
        String contentEncoding = Program.text(parameters, "contentEncoding");
        if (contentEncoding != null) message.setContentEncoding(contentEncoding);
        for (Map.Entry<String, JsonElement> each :
                parameters.getAsJsonObject("properties").entrySet())
            message.setProperty(each.getKey(), each.getValue().getAsString());
        client.sendEvent(message);
        return null;
    }

    private static Object getTwin(JsonObject parameters) throws Exception {
        followDesired(parameters);
        Twin twin = answered(() -> client.getTwin(ANSWER_MS));
        return Map.of(
                "desired", plain(twin.getDesiredProperties()),
                "reported", plain(twin.getReportedProperties()));
    }

    private static Object followDesired(JsonObject parameters) throws Exception {
        refuseHttp("twins");
        // The SDK insists on this before it reads or reports; a second time is an error.
        if (following) return null;
        following = true;
        client.subscribeToDesiredProperties(
                (twin, context) -> desired.put(plain(twin.getDesiredProperties())), null);
        return null;
    }

    private static Object report(JsonObject parameters) throws Exception {
        followDesired(parameters);
        TwinCollection reported = new TwinCollection();
        for (Map.Entry<String, JsonElement> each : parameters.getAsJsonObject("patch").entrySet())
            reported.put(each.getKey(), Program.JSON.fromJson(each.getValue(), Object.class));
        answered(() -> client.updateReportedProperties(reported, ANSWER_MS));
        return null;
    }

    /** The SDK loses every third answer to itself: its receiving thread may forget who asked before it is told. */
    private static <T> T answered(Callable<T> question) throws Exception {
        for (int trial = 1; ; trial++) {
            try {
                return question.call();
            } catch (IotHubClientException unanswered) {
                if (trial == TRIALS) throw unanswered;
            }
        }
    }

    private static JsonObject plain(TwinCollection properties) {
        JsonObject plain = Program.JSON.toJsonTree(new HashMap<>(properties)).getAsJsonObject();
        plain.addProperty("$version", properties.getVersion());
        return plain;
    }

    private static void refuseHttp(String what) throws Program.Absent {
        if (transport.equals("http")) throw new Program.Absent("over HTTP the SDK has no " + what);
    }
}
