# Asks Jira who the token's owner is: GET /rest/api/2/myself. Needs Ruby 2.7 or newer and nothing else.
#   GATEPASS_URL      the service: https://jira.example.com
#   GATEPASS_TOKEN    the token
#   GATEPASS_USER     its owner's name, for Basic; without it the token goes as Bearer
#   GATEPASS_CA_FILE  PEM of a private certificate authority; without it the machine's own ones count
require "net/http"

def setting(name)
  value = ENV[name]
  value unless value.nil? || value.empty?
end

base = setting("GATEPASS_URL") or abort "GATEPASS_URL is not set"
token = setting("GATEPASS_TOKEN") or abort "GATEPASS_TOKEN is not set"
user = setting("GATEPASS_USER")

uri = URI("#{base.chomp("/")}/rest/api/2/myself")
abort "GATEPASS_URL must begin with https://" unless uri.is_a?(URI::HTTPS)

request = Net::HTTP::Get.new(uri, "Accept" => "application/json")
if user
  request.basic_auth(user, token)
else
  request["Authorization"] = "Bearer #{token}"
end

http = Net::HTTP.new(uri.host, uri.port)
http.use_ssl = true # which also verifies the certificate and the name in it
http.ca_file = setting("GATEPASS_CA_FILE")

begin
  response = http.request(request)
rescue SystemCallError, SocketError, OpenSSL::SSL::SSLError, Timeout::Error => e
  abort "#{uri.host}: #{e.message}"
end

abort "HTTP #{response.code}: #{response.body}" unless response.code == "200"
puts response.body
