#include "net/spare_text.h"

namespace xc::net {

std::string& SpareText::kept() {
  thread_local std::string text;
  return text;
}

}  // namespace xc::net
