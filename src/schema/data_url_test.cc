#include "schema/data_url.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace xc::schema {
namespace {

TEST(Base64, Rfc4648Vectors) {
  for (const auto& [plain, coded] : std::initializer_list<std::pair<std::string, std::string>>{
           {"", ""},
           {"f", "Zg=="},
           {"fo", "Zm8="},
           {"foo", "Zm9v"},
           {"foob", "Zm9vYg=="},
           {"fooba", "Zm9vYmE="},
           {"foobar", "Zm9vYmFy"},
           {std::string("\xFB\xEF\xBE\0", 4), "++++AA=="}}) {
    EXPECT_EQ(base64_of(plain), coded);
    EXPECT_EQ(bytes_of_base64(coded), plain);
  }
  EXPECT_EQ(bytes_of_base64("Zg"), "f");  // padding may be missing
  for (const char* bad :
       {"Z", "Zg=", "Z===", "====", "Zm9v\n", "Zm 9", "Zm-_", "=Zm9", "Zg==Zg=="}) {
    EXPECT_FALSE(bytes_of_base64(bad)) << bad;
  }
}

TEST(DataUrl, Reads) {
  const auto image = read_data_url("data:image/png;base64,Zm9v", 1, "p");
  ASSERT_TRUE(image);
  EXPECT_EQ(image->media_type, "image/png");
  EXPECT_EQ(image->bytes, "foo");
  EXPECT_EQ(data_url_of(*image), "data:image/png;base64,Zm9v");
  EXPECT_EQ(read_data_url("DATA:Image/JPG;charset=x;BASE64,Zg", 1, "p")->media_type, "image/jpeg");
}

TEST(DataUrl, Refuses) {
  const auto refused = [](std::string_view url) {
    const auto read = read_data_url(url, 2, "p");
    if (read) return std::string("accepted");
    EXPECT_EQ(read.error().param, "p");
    return text_of(read.error(), Language::En);
  };
  EXPECT_EQ(refused("https://example.com/cat.png"),
            "Images are not fetched from the network; send a data: URL "
            "(https://example.com/cat.png).");
  EXPECT_EQ(refused("file:///etc/passwd").substr(0, 6), "Images");
  EXPECT_EQ(refused("").substr(0, 6), "Images");
  EXPECT_EQ(refused("data:image/png"), "Image 2 cannot be decoded: no comma in the data: URL.");
  EXPECT_EQ(refused("data:image/png,abc"), "Image 2 cannot be decoded: not base64.");
  EXPECT_EQ(refused("data:image/png;base64,@@"), "Image 2 cannot be decoded: not base64.");
  EXPECT_EQ(refused("data:image/png;base64,"), "Image 2 cannot be decoded: empty.");
  EXPECT_EQ(refused("data:image/svg+xml;base64,Zg=="),
            "The field 'p' does not support 'image/svg+xml'; use one of: image/png, image/jpeg, "
            "image/webp, image/gif, image/bmp.");
  const std::string huge((limits::kImageBytesMax / 3 + 2) * 4, 'A');
  EXPECT_EQ(refused("data:image/png;base64," + huge),
            "Image 2 cannot be decoded: larger than 16777216 bytes.");
}

}  // namespace
}  // namespace xc::schema
