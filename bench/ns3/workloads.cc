// W1, W2 and W4 in ns-3, as bench/src/worlds.rs has them: S -1 Gbit/s, 1 us- R -bottleneck, RTT/2- D,
// a drop-tail queue of one bandwidth-delay product (at least 10 packets) that never drops on the way
// back, 1448-byte segments, NewReno, SACK, timestamps, an acknowledgement for every segment, initial
// window 10. ns-3 has no MPTCP: two TCP flows stand for W2's two subflows.
//
// usage: workloads w1|w2|w4-N SECONDS
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "ns3/applications-module.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"
#include "ns3/traffic-control-module.h"

using namespace ns3;

namespace {

struct Path {
    uint64_t rate;  // bit/s
    uint64_t rttMs;
};

// All flows of a run, each on nodes and links of its own.
class Flows {
  public:
    explicit Flows(double seconds) : m_seconds(seconds) {
        m_addresses.SetBase("10.0.0.0", "255.255.255.252");
        m_stack.SetIpv6StackInstall(false);
    }

    void Add(Path path, Time start) {
        NodeContainer nodes(3);  // S, R, D
        m_stack.Install(nodes);
        const uint64_t packets = std::max<uint64_t>(10, path.rate * path.rttMs / 1000 / 12000);
        const auto access = Link(nodes.Get(0), nodes.Get(1), 1'000'000'000, MicroSeconds(1), UNLIMITED);
        const auto slow = Link(nodes.Get(1), nodes.Get(2), path.rate, MicroSeconds(path.rttMs * 500), packets);
        Ipv4StaticRoutingHelper routing;
        routing.GetStaticRouting(nodes.Get(0)->GetObject<Ipv4>())->SetDefaultRoute(access.GetAddress(1), 1);
        routing.GetStaticRouting(nodes.Get(2)->GetObject<Ipv4>())->SetDefaultRoute(slow.GetAddress(0), 1);

        const uint16_t port = 5001;
        PacketSinkHelper reader("ns3::TcpSocketFactory", InetSocketAddress(Ipv4Address::GetAny(), port));
        auto sink = reader.Install(nodes.Get(2));
        m_sinks.push_back(DynamicCast<PacketSink>(sink.Get(0)));
        BulkSendHelper writer("ns3::TcpSocketFactory", InetSocketAddress(slow.GetAddress(1), port));
        writer.SetAttribute("SendSize", UintegerValue(14480));
        writer.Install(nodes.Get(0)).Start(start);
    }

    // Packets that were sent over a link: those that a device took into its queue, less those still there.
    uint64_t Hops() const {
        uint64_t hops = 0;
        for (const auto& device : m_devices) {
            const auto queue = device->GetQueue();
            hops += queue->GetTotalReceivedPackets() - queue->GetNPackets();
        }
        return hops;
    }

    double GoodputMbps() const {
        uint64_t bytes = 0;
        for (const auto& sink : m_sinks) {
            bytes += sink->GetTotalRx();
        }
        return bytes * 8 / m_seconds / 1e6;
    }

  private:
    static constexpr uint64_t UNLIMITED = 1'000'000;

    Ipv4InterfaceContainer Link(Ptr<Node> a, Ptr<Node> b, uint64_t rate, Time delay, uint64_t packets) {
        PointToPointHelper link;
        link.SetDeviceAttribute("DataRate", DataRateValue(DataRate(rate)));
        link.SetChannelAttribute("Delay", TimeValue(delay));
        const auto size = [](uint64_t n) { return QueueSizeValue(QueueSize(std::to_string(n) + "p")); };
        link.SetQueue("ns3::DropTailQueue", "MaxSize", size(packets));
        const auto devices = link.Install(a, b);
        const auto interfaces = m_addresses.Assign(devices);
        m_addresses.NewNetwork();
        TrafficControlHelper().Uninstall(devices);
        for (uint32_t i = 0; i < 2; i++) {
            m_devices.push_back(DynamicCast<PointToPointNetDevice>(devices.Get(i)));
        }
        m_devices.back()->GetQueue()->SetMaxSize(QueueSize(std::to_string(UNLIMITED) + "p"));
        return interfaces;
    }

    double m_seconds;
    InternetStackHelper m_stack;
    Ipv4AddressHelper m_addresses;
    std::vector<Ptr<PointToPointNetDevice>> m_devices;
    std::vector<Ptr<PacketSink>> m_sinks;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s w1|w2|w4-N SECONDS\n", argv[0]);
        return 2;
    }
    const std::string workload = argv[1];
    const double seconds = std::atof(argv[2]);

    Config::SetDefault("ns3::TcpL4Protocol::SocketType", TypeIdValue(TypeId::LookupByName("ns3::TcpNewReno")));
    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(1448));
    Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(1 << 20));
    Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(1 << 20));
    Config::SetDefault("ns3::TcpSocket::DelAckCount", UintegerValue(1));
    Config::SetDefault("ns3::TcpSocket::InitialCwnd", UintegerValue(10));
    Config::SetDefault("ns3::TcpSocketBase::Sack", BooleanValue(true));
    Config::SetDefault("ns3::TcpSocketBase::Timestamp", BooleanValue(true));

    // Start-up counts, as it does in option30's benches.
    const auto started = std::chrono::steady_clock::now();
    Flows flows(seconds);
    if (workload == "w1") {
        flows.Add({100'000'000, 20}, Seconds(0));
    } else if (workload == "w2") {
        flows.Add({50'000'000, 10}, Seconds(0));
        flows.Add({50'000'000, 40}, Seconds(0));
    } else if (workload.rfind("w4-", 0) == 0) {
        const int count = std::atoi(workload.c_str() + 3);
        for (int i = 0; i < count; i++) {
            flows.Add({10'000'000, 20}, NanoSeconds(uint64_t(i) * 10'000'000 / count));
        }
    } else {
        std::fprintf(stderr, "ns-3 runs w1, w2 and w4-N, not %s\n", workload.c_str());
        return 2;
    }
    Simulator::Stop(Seconds(seconds));
    Simulator::Run();
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - started;
    const double perHop = wall.count() * 1e9 / flows.Hops();
    std::printf("%-15s %8.3f s  %10llu hops  %7.1f ns/hop  goodput %9.1f Mbit/s\n", workload.c_str(), wall.count(),
                static_cast<unsigned long long>(flows.Hops()), perHop, flows.GoodputMbps());
    Simulator::Destroy();
    return 0;
}
