// Prints the IPv4 addresses of a name as musl's resolver finds them.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int argc, char** argv) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo* found = NULL;
  int error = argc == 2 ? getaddrinfo(argv[1], NULL, &hints, &found) : EAI_NONAME;
  if (error != 0) return puts(gai_strerror(error)), 1;
  for (struct addrinfo* each = found; each != NULL; each = each->ai_next) {
    char text[INET_ADDRSTRLEN];
    if (each->ai_family != AF_INET) continue;
    puts(inet_ntop(AF_INET, &((struct sockaddr_in*)each->ai_addr)->sin_addr, text, sizeof text));
  }
  freeaddrinfo(found);
  return 0;
}
