import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.azure.core.credential.AzureSasCredential;
import com.microsoft.azure.sdk.iot.service.auth.SymmetricKey;
import com.microsoft.azure.sdk.iot.service.messaging.AcknowledgementType;
import com.microsoft.azure.sdk.iot.service.messaging.DeliveryAcknowledgement;
import com.microsoft.azure.sdk.iot.service.messaging.FeedbackRecord;
import com.microsoft.azure.sdk.iot.service.messaging.IotHubServiceClientProtocol;
import com.microsoft.azure.sdk.iot.service.messaging.Message;
import com.microsoft.azure.sdk.iot.service.messaging.MessageFeedbackProcessorClient;
import com.microsoft.azure.sdk.iot.service.messaging.MessagingClient;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodRequestOptions;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import com.microsoft.azure.sdk.iot.service.query.QueryClient;
import com.microsoft.azure.sdk.iot.service.query.QueryPageOptions;
import com.microsoft.azure.sdk.iot.service.query.TwinQueryResponse;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.DeviceStatus;
import com.microsoft.azure.sdk.iot.service.registry.Module;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import com.microsoft.azure.sdk.iot.service.twin.TwinCollection;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** iot-service-client: ServiceProgram amqp|amqp-ws (what has a REST route goes over HTTPS with either) */
public final class ServiceProgram {
    private static IotHubServiceClientProtocol protocol;
    private static String connectionString;
    private static MessagingClient messaging;
    private static MessageFeedbackProcessorClient feedbackProcessor;
    private static RegistryClient registry;
    private static TwinClient twins;
    private static DirectMethodsClient directMethods;
    private static QueryClient queries;
    private static final Program.Inbox<List<Map<String, String>>> feedback = new Program.Inbox<>();

    public static void main(String[] arguments) throws Exception {
        protocol =
                arguments[0].equals("amqp")
                        ? IotHubServiceClientProtocol.AMQPS
                        : IotHubServiceClientProtocol.AMQPS_WS;
        Program.trust(System.getenv("CA_FILE"));
        Map<String, Program.Verb> verbs = new HashMap<>();
        verbs.put("version", parameters -> Program.versionOf(MessagingClient.class));
        verbs.put("connect", ServiceProgram::connect);
        verbs.put("connectWithToken", ServiceProgram::connectWithToken);
        verbs.put("disconnect", ServiceProgram::disconnect);
        verbs.put("noticeLoss", parameters -> null);
        verbs.put("send", ServiceProgram::send);
        verbs.put("openFeedback", ServiceProgram::openFeedback);
        verbs.put("nextFeedback", parameters -> feedback.take());
        verbs.put("invokeMethod", ServiceProgram::invokeMethod);
        verbs.put("createDevice", parameters -> plain(registry.addDevice(device(parameters))));
        verbs.put("getDevice", parameters ->
                plain(registry.getDevice(Program.text(parameters, "deviceId"))));
        verbs.put("updateDevice", parameters -> plain(registry.updateDevice(device(parameters))));
        verbs.put("deleteDevice", parameters -> {
            registry.removeDevice(Program.text(parameters, "deviceId"));
            return null;
        });
        verbs.put("statistics", parameters -> registry.getStatistics().getTotalDeviceCount());
        verbs.put("query", ServiceProgram::query);
        verbs.put("createModule", parameters -> {
            registry.addModule(
                    new Module(
                            Program.text(parameters, "deviceId"),
                            Program.text(parameters, "moduleId")));
            return null;
        });
        verbs.put("getModule", parameters ->
                registry.getModule(
                                Program.text(parameters, "deviceId"),
                                Program.text(parameters, "moduleId"))
                        .getId());
        verbs.put("listModules", parameters ->
                registry.getModulesOnDevice(Program.text(parameters, "deviceId")).stream()
                        .map(Module::getId)
                        .toList());
        verbs.put("deleteModule", parameters -> {
            registry.removeModule(
                    Program.text(parameters, "deviceId"), Program.text(parameters, "moduleId"));
            return null;
        });
        verbs.put("getTwin", parameters -> plain(twins.get(Program.text(parameters, "deviceId"))));
        verbs.put("patchTwin", ServiceProgram::patchTwin);
        Program.serve(verbs);
    }

    private static Object connect(JsonObject parameters) throws Exception {
        connectionString = Program.text(parameters, "connectionString");
        registry = new RegistryClient(connectionString);
        twins = new TwinClient(connectionString);
        directMethods = new DirectMethodsClient(connectionString);
        queries = new QueryClient(connectionString);
        messaging = new MessagingClient(connectionString, protocol);
        messaging.open();
        return null;
    }

    private static Object connectWithToken(JsonObject parameters) throws Exception {
        AzureSasCredential credential = new AzureSasCredential(Program.text(parameters, "token"));
        messaging =
                new MessagingClient(Program.text(parameters, "hostName"), credential, protocol);
        messaging.open();
        return null;
    }

    private static Object disconnect(JsonObject parameters) throws Exception {
        if (feedbackProcessor != null) feedbackProcessor.stop();
        feedbackProcessor = null;
        // Over WebSockets it would wait for 5 s.
        messaging.close(1000);
        return null;
    }

    private static Object send(JsonObject parameters) throws Exception {
        if (parameters.has("contentType"))
            throw new Program.Absent("messages of the SDK have no content type");
        Message message =
                new Message(Base64.getDecoder().decode(Program.text(parameters, "body")));
        String messageId = Program.text(parameters, "messageId");
        if (messageId != null) message.setMessageId(messageId);
        String correlationId = Program.text(parameters, "correlationId");
        if (correlationId != null) message.setCorrelationId(correlationId);
        if (parameters.has("expiresAtMs"))
            message.setExpiryTimeUtc(new Date(parameters.get("expiresAtMs").getAsLong()));
        if (parameters.has("ack"))
            message.setDeliveryAcknowledgement(DeliveryAcknowledgement.Full);
        Map<String, String> properties = new HashMap<>();
        for (Map.Entry<String, JsonElement> each :
                parameters.getAsJsonObject("properties").entrySet())
            properties.put(each.getKey(), each.getValue().getAsString());
        message.setProperties(properties);
        // A client that lost its connection is opened again by its user.
        if (!messaging.isOpen()) messaging.open();
        messaging.send(Program.text(parameters, "deviceId"), message);
        return null;
    }

    private static Object openFeedback(JsonObject parameters) throws Exception {
        feedbackProcessor =
                new MessageFeedbackProcessorClient(
                        connectionString,
                        protocol,
                        batch -> {
                            feedback.put(
                                    batch.getRecords().stream().map(ServiceProgram::plain).toList());
                            return AcknowledgementType.COMPLETE;
                        });
        feedbackProcessor.start();
        return null;
    }

    private static Map<String, String> plain(FeedbackRecord record) {
        String statusCode = record.getStatusCode().name();
        return Map.of(
                "originalMessageId", record.getOriginalMessageId(),
                "statusCode", Character.toUpperCase(statusCode.charAt(0)) + statusCode.substring(1),
                "deviceId", record.getDeviceId());
    }

    private static Object invokeMethod(JsonObject parameters) throws Exception {
        DirectMethodRequestOptions options =
                DirectMethodRequestOptions.builder()
                        .payload(parameters.get("payload"))
                        .methodResponseTimeoutSeconds(
                                parameters.get("responseTimeoutInSeconds").getAsInt())
                        .methodConnectTimeoutSeconds(
                                parameters.get("connectTimeoutInSeconds").getAsInt())
                        .build();
        String deviceId = Program.text(parameters, "deviceId");
        String methodName = Program.text(parameters, "methodName");
        DirectMethodResponse response =
                parameters.has("moduleId")
                        ? directMethods.invoke(
                                deviceId, Program.text(parameters, "moduleId"), methodName, options)
                        : directMethods.invoke(deviceId, methodName, options);
        return Map.of(
                "status", response.getStatus(), "payload", response.getPayloadAsJsonElement());
    }

    private static Device device(JsonObject parameters) {
        Device device = new Device(Program.text(parameters, "deviceId"));
        device.setStatus(
                Program.text(parameters, "status").equals("enabled")
                        ? DeviceStatus.Enabled
                        : DeviceStatus.Disabled);
        SymmetricKey key = new SymmetricKey();
        key.setPrimaryKey(Program.text(parameters, "primaryKey"));
        key.setSecondaryKey(Program.text(parameters, "secondaryKey"));
        device.setSymmetricKey(key);
        return device;
    }

    private static Map<String, String> plain(Device device) {
        return Map.of(
                "deviceId", device.getDeviceId(),
                "status", device.getStatus().toString().toLowerCase(),
                "primaryKey", device.getPrimaryKey(),
                "secondaryKey", device.getSecondaryKey());
    }

    private static Object query(JsonObject parameters) throws Exception {
        QueryPageOptions options =
                QueryPageOptions.builder().pageSize(parameters.get("pageSize").getAsInt()).build();
        TwinQueryResponse response =
                queries.queryTwins(Program.text(parameters, "query"), options);
        // The SDK hands out twins one by one and fetches pages as they are needed.
        List<List<String>> pages = new ArrayList<>();
        while (response.hasNext()) pages.add(List.of(response.next(options).getDeviceId()));
        return pages;
    }

    private static Map<String, Object> plain(Twin twin) {
        return Map.of(
                "tags", new HashMap<>(twin.getTags()),
                "desired", new HashMap<>(twin.getDesiredProperties()),
                "reported", new HashMap<>(twin.getReportedProperties()),
                "etag", twin.getETag());
    }

    private static Object patchTwin(JsonObject parameters) throws Exception {
        Twin twin = new Twin(Program.text(parameters, "deviceId"));
        putAll(twin.getTags(), parameters.getAsJsonObject("tags"));
        putAll(twin.getDesiredProperties(), parameters.getAsJsonObject("desired"));
        return plain(twins.patch(twin, Program.text(parameters, "etag")));
    }

    private static void putAll(TwinCollection collection, JsonObject values) {
        for (Map.Entry<String, JsonElement> each : values.entrySet())
            collection.put(each.getKey(), Program.JSON.fromJson(each.getValue(), Object.class));
    }
}
