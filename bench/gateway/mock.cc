// The upstream of the gateway benchmark: canned replies, as fast as one thread gives them. It takes
// the command line of a worker, so that the fleet can start it, and listens on TCP too when asked,
// for nginx and the peers.
//
//   gateway_mock worker --socket PATH …    gateway_mock --port N
//
// POST: a whole reply of 1.2 kB; with "stream":true in the body the same text as events in one
// piece; with "paced" in the body 64 chunks, one every 20 ms. GET: {"status":"ok"}.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

using Time = std::chrono::steady_clock::time_point;
constexpr int kChunks = 64;
constexpr auto kPace = std::chrono::milliseconds(20);

struct Client {
  std::string in;
  int chunks_left = 0;  // of a paced stream
  Time due{};
};

std::string text_of_reply() {
  std::string text;
  while (text.size() < 900) text += "The river runs past the old mill and the bridge. ";
  return text;
}

std::string chunk(std::string_view bytes) {
  char size[24];
  std::snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
  return size + std::string(bytes) + "\r\n";
}

std::string event(std::string_view choices, std::string_view more = "") {
  return "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
         "\"model\":\"mock\",\"choices\":[" +
         std::string(choices) + "]" + std::string(more) + "}\n\n";
}

const std::string kUsage =
    R"(,"usage":{"prompt_tokens":12,"completion_tokens":200,"total_tokens":212})";
const std::string kFinish = R"({"index":0,"delta":{},"finish_reason":"stop"})";
const std::string kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string delta_of(std::string_view text) {
  return R"({"index":0,"delta":{"role":"assistant","content":")" + std::string(text) +
         R"("},"finish_reason":null})";
}

std::string stream_end() {
  return chunk(event(kFinish) + event("", kUsage) + "data: [DONE]\n\n") + "0\r\n\r\n";
}

std::string whole(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

const std::string kWhole =
    whole(R"({"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"mock",)"
          R"("choices":[{"index":0,"message":{"role":"assistant","content":")" +
          text_of_reply() + R"("},"finish_reason":"stop"}])" + kUsage + "}");
const std::string kStream = kStreamHead + chunk(event(delta_of(text_of_reply()))) + stream_end();
const std::string kChunk = chunk(event(delta_of("word ")));
const std::string kOk = whole(R"({"status":"ok","object":"list","data":[{"id":"mock"}]})");

class Mock {
 public:
  explicit Mock(int listener) : listener_(listener), poll_(epoll_create1(0)) { add(listener); }

  void run() {
    for (;;) {
      epoll_event events[256];
      const int ready = epoll_wait(poll_, events, 256, paced_ > 0 ? 1 : -1);
      for (int i = 0; i < ready; ++i) {
        if (events[i].data.fd == listener_) {
          accept_all();
        } else {
          serve(events[i].data.fd);
        }
      }
      if (paced_ > 0) send_due();
    }
  }

 private:
  void add(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event);
  }

  void accept_all() {
    for (int fd = 0; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      clients_[fd] = {};
      add(fd);
    }
  }

  void drop(int fd) {
    if (clients_[fd].chunks_left > 0) --paced_;
    clients_.erase(fd);
    close(fd);
  }

  void serve(int fd) {
    char buffer[65536];
    const ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return drop(fd);
    Client& client = clients_[fd];
    client.in.append(buffer, static_cast<std::size_t>(got));
    while (answer(fd, client)) {
    }
  }

  static std::size_t length_in(std::string_view head) {
    constexpr std::string_view kName = "content-length:";
    const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
    const auto at = std::search(head.begin(), head.end(), kName.begin(), kName.end(), same);
    if (at == head.end()) return 0;
    return std::strtoul(head.data() + (at - head.begin()) + kName.size(), nullptr, 10);
  }

  // One request of those that came; false when none is whole.
  bool answer(int fd, Client& client) {
    const std::size_t end = client.in.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::string_view all = client.in;
    const std::size_t size = end + 4 + length_in(all.substr(0, end + 2));
    if (all.size() < size) return false;
    const std::string_view body = all.substr(end + 4, size - end - 4);
    const bool stream = body.find("\"stream\":true") != std::string_view::npos ||
                        body.find("\"stream\": true") != std::string_view::npos;
    const bool paced = stream && body.find("paced") != std::string_view::npos;
    if (!all.starts_with("POST")) {
      say(fd, kOk);
    } else if (paced) {
      say(fd, kStreamHead + kChunk);
      client.chunks_left = kChunks - 1;
      client.due = std::chrono::steady_clock::now() + kPace;
      ++paced_;
    } else {
      say(fd, stream ? kStream : kWhole);
    }
    client.in.erase(0, size);
    return true;
  }

  // Replies are small: a socket that does not take one whole belongs to nobody who is measured.
  static void say(int fd, const std::string& bytes) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(bytes.size())) shutdown(fd, SHUT_RDWR);
  }

  void send_due() {
    const Time now = std::chrono::steady_clock::now();
    for (auto& [fd, client] : clients_) {
      if (client.chunks_left == 0 || now < client.due) continue;
      client.due += kPace;
      say(fd, --client.chunks_left == 0 ? kChunk + stream_end() : kChunk);
      if (client.chunks_left == 0) --paced_;
    }
  }

  const int listener_, poll_;
  std::unordered_map<int, Client> clients_;
  int paced_ = 0;
};

int listen_unix(const char* path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strncpy(name.sun_path, path, sizeof(name.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  unlink(path);
  const int failed = bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name));
  return failed != 0 || listen(fd, 1024) != 0 ? -1 : fd;
}

int listen_tcp(int port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<std::uint16_t>(port));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const int failed = bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name));
  return failed != 0 || listen(fd, 1024) != 0 ? -1 : fd;
}

}  // namespace

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  int listener = -1;
  for (int i = 1; i + 1 < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--socket") listener = listen_unix(argv[i + 1]);
    if (name == "--port") listener = listen_tcp(std::atoi(argv[i + 1]));
  }
  if (listener < 0) return 1;
  Mock(listener).run();
}
