<?php
// Asks Jira who the token's owner is: GET /rest/api/2/myself. Needs PHP 7.4 or newer with its curl extension.
//   GATEPASS_URL      the service: https://jira.example.com
//   GATEPASS_TOKEN    the token
//   GATEPASS_USER     its owner's name, for Basic; without it the token goes as Bearer
//   GATEPASS_CA_FILE  PEM of a private certificate authority; without it the machine's own ones count

function fail(string $message): void
{
    fwrite(STDERR, $message . PHP_EOL);
    exit(1);
}

$url = getenv('GATEPASS_URL') ?: fail('GATEPASS_URL is not set');
$token = getenv('GATEPASS_TOKEN') ?: fail('GATEPASS_TOKEN is not set');
$user = (string) getenv('GATEPASS_USER');
$caFile = getenv('GATEPASS_CA_FILE');

$credentials = $user !== '' ? 'Basic ' . base64_encode("$user:$token") : "Bearer $token";

$curl = curl_init(rtrim($url, '/') . '/rest/api/2/myself');
curl_setopt_array($curl, [
    CURLOPT_HTTPHEADER => ["Authorization: $credentials", 'Accept: application/json'],
    CURLOPT_PROTOCOLS => CURLPROTO_HTTPS,
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_TIMEOUT => 30,
]);
if ($caFile) {
    curl_setopt($curl, CURLOPT_CAINFO, $caFile);
}

$body = curl_exec($curl);
if ($body === false) {
    fail("$url: " . curl_error($curl));
}
$status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
if ($status !== 200) {
    fail("HTTP $status: $body");
}
echo $body, PHP_EOL;
