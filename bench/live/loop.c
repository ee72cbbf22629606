// What a bare forwarding loop gives on this machine: iperf3 over MPTCP between two network namespaces,
// and between their TUNs a loop that reads a packet and writes it. No header before packets, so no
// segmentation offload. Needs root. Prints what iperf3's client says, as JSON.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int ok, const char *what) {
    if (!ok) {
        perror(what);
        exit(3);
    }
}

// A namespace of its own for this process and what it starts from now on, with a TUN in it.
static int host(const char *address, const char *peer) {
    must(unshare(CLONE_NEWNET) == 0, "unshare");
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    must(tun >= 0, "/dev/net/tun");
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    strcpy(request.ifr_name, "tun0");
    must(ioctl(tun, TUNSETIFF, &request) == 0, "TUNSETIFF");
    char command[200];
    snprintf(command, sizeof command,
             "ip addr add %s/32 dev tun0 && ip link set tun0 up && ip route add %s dev tun0", address, peer);
    must(system(command) == 0, "ip");
    return tun;
}

static pid_t start(char *const argv[], unsigned wait) {
    pid_t child = fork();
    if (child == 0) {
        usleep(wait);
        execvp(argv[0], argv);
        _exit(127);
    }
    return child;
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    int client = host("10.0.1.2", "10.1.1.2");
    char *const call[] = {"mptcpize", "run", "iperf3", "-c", "10.1.1.2", "-t", "3", "--json", NULL};
    pid_t caller = start(call, 500000);
    int server = host("10.1.1.2", "10.0.1.2");
    char *const serve[] = {"sh", "-c", "exec mptcpize run iperf3 -s -1 >/dev/null", NULL};
    pid_t called = start(serve, 0);

    // As option30's thread that carries packets has it.
    struct sched_param priority = {.sched_priority = 2};
    must(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) == 0, "SCHED_FIFO");
    static char buffer[65536];
    struct pollfd both[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    while (waitpid(caller, NULL, WNOHANG) == 0) {
        poll(both, 2, 10);
        for (int i = 0; i < 2; i++) {
            ssize_t len;
            for (int n = 0; n < 64 && (len = read(both[i].fd, buffer, sizeof buffer)) > 0; n++) {
                if (write(both[1 - i].fd, buffer, len) < 0) { /* lost, as on a network */ }
            }
        }
    }
    kill(called, SIGTERM);
    return 0;
}
