import java.io.FileInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Base64;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Asks Jira who the token's owner is: GET /rest/api/2/myself. Needs Java 17 or newer: {@code java Myself.java}.
 *
 * <pre>
 * GATEPASS_URL      the service: https://jira.example.com
 * GATEPASS_TOKEN    the token
 * GATEPASS_USER     its owner's name, for Basic; without it the token goes as Bearer
 * GATEPASS_CA_FILE  PEM of a private certificate authority; without it Java's own ones count
 * </pre>
 */
public class Myself {
    public static void main(String[] arguments) throws InterruptedException, GeneralSecurityException {
        String url = setting("GATEPASS_URL");
        String token = setting("GATEPASS_TOKEN");
        if (!url.startsWith("https://")) {
            fail("GATEPASS_URL must begin with https://");
        }
        HttpRequest request = HttpRequest.newBuilder(URI.create(url.replaceAll("/$", "") + "/rest/api/2/myself"))
                .header("Authorization", credentials(System.getenv("GATEPASS_USER"), token))
                .header("Accept", "application/json")
                .timeout(Duration.ofSeconds(30))
                .build();
        try {
            HttpClient client = HttpClient.newBuilder().sslContext(trust(System.getenv("GATEPASS_CA_FILE"))).build();
            HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
            if (response.statusCode() != 200) {
                fail("HTTP " + response.statusCode() + ": " + response.body());
            }
            System.out.println(response.body());
        } catch (IOException error) {
            fail(url + ": " + error.getMessage());
        }
    }

    private static String credentials(String user, String token) {
        if (user == null || user.isEmpty()) {
            return "Bearer " + token;
        }
        byte[] pair = (user + ":" + token).getBytes(StandardCharsets.UTF_8);
        return "Basic " + Base64.getEncoder().encodeToString(pair);
    }

    private static SSLContext trust(String file) throws IOException, GeneralSecurityException {
        if (file == null || file.isEmpty()) {
            return SSLContext.getDefault();
        }
        KeyStore authorities = KeyStore.getInstance(KeyStore.getDefaultType());
        authorities.load(null, null);
        try (FileInputStream pem = new FileInputStream(file)) {
            for (Certificate authority : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                authorities.setCertificateEntry("ca" + authorities.size(), authority);
            }
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(authorities);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    private static String setting(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) {
            fail(name + " is not set");
        }
        return value;
    }

    private static void fail(String message) {
        System.err.println(message);
        System.exit(1);
    }
}
