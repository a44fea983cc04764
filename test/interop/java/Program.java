import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The line protocol, for every program in Java: verbs by name, each a function of its parameters. */
final class Program {
    static final Gson JSON = new GsonBuilder().serializeNulls().create();

    interface Verb {
        Object run(JsonObject parameters) throws Exception;
    }

    /** The SDK offers no such thing. */
    static final class Absent extends Exception {
        Absent(String why) {
            super(why);
        }
    }

    /** What came, for those who ask for it later. */
    static final class Inbox<T> {
        private final BlockingQueue<T> items = new LinkedBlockingQueue<>();

        void put(T item) {
            items.add(item);
        }

        T take() throws InterruptedException {
            // The runner has given up by then.
            return items.poll(30, TimeUnit.SECONDS);
        }
    }

    static void serve(Map<String, Verb> verbs) throws Exception {
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        // What SDKs print must not come between the answers.
        System.setOut(System.err);
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonObject parameters = JSON.fromJson(line, JsonObject.class);
            Verb verb = verbs.get(parameters.get("verb").getAsString());
            answers.println(JSON.toJson(answer(verb, parameters)));
        }
        System.exit(0);
    }

    private static Map<String, ?> answer(Verb verb, JsonObject parameters) {
        if (verb == null) return Map.of("absent", "the SDK has no such call");
        try {
            Object value = verb.run(parameters);
            return java.util.Collections.singletonMap("value", value);
        } catch (Absent absent) {
            return Map.of("absent", absent.getMessage());
        } catch (Throwable error) {
            String name = error.getClass().getSimpleName();
            return Map.of("error", Map.of("name", name, "message", String.valueOf(error)));
        }
    }

    /** As `keytool -importcert` and -Djavax.net.ssl.trustStore do: every SDK in Java trusts it then. */
    static void trust(String authorityFile) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (FileInputStream in = new FileInputStream(authorityFile)) {
            store.setCertificateEntry(
                    "hub", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        Path file = Files.createTempFile("trust", ".p12");
        file.toFile().deleteOnExit();
        try (FileOutputStream out = new FileOutputStream(file.toFile())) {
            store.store(out, "changeit".toCharArray());
        }
        System.setProperty("javax.net.ssl.trustStore", file.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", "changeit");
    }

    /** Of an SDK, from the name of its archive: they are not written into the archives alike. */
    static String versionOf(Class<?> type) {
        String archive = type.getProtectionDomain().getCodeSource().getLocation().getPath();
        return archive.replaceAll(".*-([0-9][^/-]*)\\.jar$", "$1");
    }

    static String text(JsonObject parameters, String name) {
        JsonElement value = parameters.get(name);
        return value == null || value.isJsonNull() ? null : value.getAsString();
    }

    static boolean flag(JsonObject parameters, String name) {
        return parameters.has(name) && parameters.get(name).getAsBoolean();
    }
}
