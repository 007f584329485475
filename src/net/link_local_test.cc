#include "net/link_local.h"

#include <gtest/gtest.h>

namespace xc::net {
namespace {

TEST(LinkLocal, MetadataServicesAndTheirRanges) {
  for (const char* host : {"169.254.169.254", "169.254.0.1", "0.0.0.0", "0.1.2.3", "fe80::1",
                           "fe80::1%eth0", "::ffff:169.254.169.254", "100.100.100.200",
                           "fd00:ec2::254", "224.0.0.1", "ff02::1", "::"}) {
    EXPECT_TRUE(is_link_local(host)) << host;
  }
}

TEST(LinkLocal, ServersAndNames) {
  for (const char* host : {"127.0.0.1", "10.0.0.1", "192.168.1.1", "100.100.100.201", "::1",
                           "fd00::1", "8.8.8.8", "metadata", "169.254.example", ""}) {
    EXPECT_FALSE(is_link_local(host)) << host;
  }
}

}  // namespace
}  // namespace xc::net
